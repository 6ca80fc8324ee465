-- name: last_checkpoint
-- The newest checkpoint, or the one of size $1. Locks nothing; leans on a_checkpoint_has_one_size.
SELECT size, recorded_at, root, key_id, signature FROM checkpoint
WHERE $1::bigint IS NULL OR size = $1
ORDER BY size DESC
LIMIT 1

-- name: leaves
-- The leaves with seq in any of the ranges [$1, $2), in order. Locks nothing; leans on the primary keys of legs and holes.
SELECT entry.seq, entry.leaf
FROM unnest($1::bigint[], $2::bigint[]) AS asked (lo, hi)
CROSS JOIN LATERAL (
    SELECT leg.seq, leg.leaf FROM leg WHERE leg.seq >= asked.lo AND leg.seq < asked.hi
    UNION ALL
    SELECT hole.seq, hole.leaf FROM hole WHERE hole.seq >= asked.lo AND hole.seq < asked.hi
) AS entry
ORDER BY entry.seq

-- name: nodes
-- The nodes of levels $1 with their index in any of the ranges [$2, $3), in order. Locks nothing; leans on
-- a_node_is_written_once.
SELECT node.level, node.index, node.hash
FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS asked (level, lo, hi)
INNER JOIN node ON asked.level = node.level AND node.index >= asked.lo AND node.index < asked.hi
ORDER BY node.level, node.index

-- name: legs_of
-- The legs of a movement ($1), with the marks that their leaves bind. Locks nothing; leans on leg_by_movement.
SELECT
    leg.seq, leg.act, leg.movement, source.mark AS source_mark, leg.source_lo, leg.source_kg, target.mark AS target_mark,
    leg.target_lo, leg.target_kg, leg.over_kg, leg.cover_kg, leg.source_behind, leg.target_behind, leg.occurred_at, leg.fact
FROM leg
INNER JOIN account AS source ON leg.source = source.id
INNER JOIN account AS target ON leg.target = target.id
WHERE leg.movement = $1
ORDER BY leg.seq

-- name: holes_of
-- The holes of a movement ($1): where it jumped, and where it was struck. Locks nothing; leans on leg_by_movement and
-- hole_by_place, since a movement's holes lie in the accounts of its legs.
SELECT
    hole.seq, hole.act, hole.movement, account.mark AS account_mark, hole.side, hole.lo, hole.hi, hole.kind, hole.debt_kg,
    hole.occurred_at, hole.fact
FROM (
    SELECT leg.source AS account, 'out' AS side FROM leg WHERE leg.movement = $1
    UNION
    SELECT leg.target, 'in' FROM leg WHERE leg.movement = $1
) AS place
INNER JOIN hole ON place.account = hole.account AND place.side = hole.side AND hole.movement = $1
INNER JOIN account ON hole.account = account.id
ORDER BY hole.seq

-- name: may_know
-- Whether a movement ($1) touches an account in an area ($2), of an enterprise or of a document it is party to ($3), or of
-- a load that names a station ($4); a null asks for nothing. Locks nothing; leans on leg_by_movement and primary keys.
SELECT EXISTS (
    SELECT
    FROM leg
    INNER JOIN account ON account.id IN (leg.source, leg.target)
    LEFT JOIN mine ON account.owner_id = mine.id
    LEFT JOIN project ON account.owner_id = project.id
    LEFT JOIN stock ON account.owner_id = stock.id
    LEFT JOIN enterprise AS owner
        ON owner.id = coalesce(mine.enterprise_id, project.operator_id, stock.enterprise_id, account.owner_id)
    LEFT JOIN ticket ON account.document_id = ticket.id
    LEFT JOIN contract ON account.document_id = contract.id
    LEFT JOIN weighing ON account.document_id = weighing.id
    WHERE
        leg.movement = $1
        AND (
            $2::text IS NULL OR starts_with(account.jurisdiction, $2) OR starts_with(mine.jurisdiction, $2)
            OR starts_with(project.jurisdiction, $2) OR starts_with(owner.jurisdiction, $2)
        )
        AND (
            $3::uuid IS NULL OR $3 IN (owner.id, ticket.seller_id, ticket.buyer_id, contract.seller_id, contract.buyer_id)
        )
        AND ($4::uuid IS NULL OR $4 IN (ticket.source_station_id, ticket.destination_station_id, weighing.station_id))
) AS may_know
