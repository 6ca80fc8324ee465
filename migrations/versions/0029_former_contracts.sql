-- Whose a load was, before it was sent to another buyer: what a contract had shipped at a time is told with it.
CREATE INDEX act_by_former_contract ON ticket_act ((facts ->> 'from_contract')) WHERE kind = 'redirected';
