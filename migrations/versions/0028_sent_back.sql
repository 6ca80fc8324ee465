-- What was in a lot's stock when a load of it was refused, or came back, is reckoned anew when records tell of an earlier time.
CREATE INDEX ticket_taken_back ON ticket (
    (coalesce(onward_contract_id, contract_id, slip_id)),
    (greatest(acted_at, back_at))
) WHERE refused_kg > 0 OR back_kg IS NOT NULL;
