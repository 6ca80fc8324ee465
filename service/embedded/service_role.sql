ALTER ROLE meisu_service SET jit = off;

ALTER ROLE meisu_service SET plan_cache_mode = force_custom_plan;

ALTER ROLE meisu_service SET idle_in_transaction_session_timeout = '60s';

