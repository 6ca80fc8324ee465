-- Tickets, one load each, and what the scales said about them.

CREATE TABLE ticket (
    id uuid CONSTRAINT a_ticket_has_one_id PRIMARY KEY,
    number text NOT NULL CONSTRAINT a_ticket_number_is_given_once UNIQUE,
    code text NOT NULL,
    contract_id uuid REFERENCES contract,
    slip_id uuid REFERENCES slip,
    seller_id uuid NOT NULL REFERENCES enterprise,
    buyer_id uuid NOT NULL REFERENCES enterprise,
    mine_id uuid REFERENCES mine,       -- null: from a trader's or plant's stock
    earmark text,                       -- of its paper
    plate text NOT NULL,
    planned_kg bigint NOT NULL,
    grade text NOT NULL,
    source_station_id uuid NOT NULL REFERENCES station,
    destination_station_id uuid NOT NULL REFERENCES station,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by uuid NOT NULL,
    account bigint NOT NULL REFERENCES account,     -- its load
    source_account bigint REFERENCES account,     -- the quota that it draws on: where its kilograms are held
    state text NOT NULL,
    flags text [] NOT NULL DEFAULT '{}',    -- of its issue; what the scales flag stands with the weighings
    out_kg bigint,                      -- what the source scale said
    out_at timestamptz,
    in_kg bigint,                       -- … the destination
    in_at timestamptz,
    back_kg bigint,                     -- … the source when the load, or a part of it, came back
    ended_at timestamptz,
    CONSTRAINT a_ticket_has_one_paper CHECK (num_nonnulls(contract_id, slip_id) = 1),
    CONSTRAINT a_ticket_has_a_plan CHECK (planned_kg > 0),
    CONSTRAINT a_ticket_is_valid_for_a_time CHECK (valid_until > valid_from),
    CONSTRAINT a_ticket_has_a_state CHECK (
        state IN ('issued', 'out', 'delivered', 'returned', 'cancelled', 'expired', 'lost')
    )
) WITH (fillfactor = 80);
CREATE INDEX ticket_by_contract ON ticket (contract_id, id) WHERE contract_id IS NOT NULL;
CREATE INDEX ticket_by_slip ON ticket (slip_id, id) WHERE slip_id IS NOT NULL;
CREATE INDEX ticket_held ON ticket (source_account) INCLUDE (planned_kg) WHERE state = 'issued';
CREATE INDEX ticket_by_plate ON ticket (plate, id);
CREATE INDEX ticket_on_the_road ON ticket (plate) WHERE state IN ('issued', 'out');

-- The station and the ticket of a weighing are no foreign keys: both are locked when it is written, neither is ever deleted, and
-- two look-ups with row locks per record would cost as much as the record.
CREATE TABLE weighing (
    id uuid CONSTRAINT a_weighing_has_one_id PRIMARY KEY,   -- ours
    station_id uuid NOT NULL,
    record_id uuid NOT NULL,            -- the station's own
    body_hash bytea NOT NULL,
    sequence bigint NOT NULL,
    direction text NOT NULL,
    ticket_id uuid,
    ticket_text text,                   -- what was scanned or typed, when it is no ticket of ours
    plate text NOT NULL,
    gross_kg bigint NOT NULL,
    tare_kg bigint NOT NULL,
    net_kg bigint NOT NULL,
    grade text,
    manual boolean NOT NULL,
    manual_reason text,
    second_person text,
    tare_source text NOT NULL,
    weighed_at timestamptz NOT NULL,    -- the device's clock
    occurred_at timestamptz NOT NULL,   -- corrected by the offset at sending
    recorded_at timestamptz NOT NULL,
    status text NOT NULL,               -- accepted | duplicate | refused
    duplicate_of uuid,                  -- the station's own id of the record that told of the event first
    problem jsonb,
    flags text[] NOT NULL,             -- without quota-overdrawn, which the legs say
    movement_ids uuid[] NOT NULL,
    person_id uuid NOT NULL,
    CONSTRAINT a_station_names_a_record_once UNIQUE (station_id, record_id),
    CONSTRAINT a_weighing_has_a_direction CHECK (direction IN ('out', 'in', 'back')),
    CONSTRAINT a_weighing_has_a_status CHECK (status IN ('accepted', 'duplicate', 'refused')),
    CONSTRAINT a_tare_has_a_source CHECK (tare_source IN ('fresh', 'stored'))
);
CREATE INDEX weighing_by_ticket ON weighing (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX weighing_by_plate ON weighing (plate, occurred_at);

-- The sequence numbers that each station's records have carried: one range when none is missing.
CREATE TABLE station_book (
    station_id uuid CONSTRAINT a_station_has_one_book PRIMARY KEY REFERENCES station,
    seen int8multirange NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON ticket, station_book TO meisu_service;
GRANT SELECT, INSERT ON weighing TO meisu_service;
