"""The SQL of the turn store: every value is bound, every name in the text is a constant of this module."""
# ruff: noqa: S608

SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    id TEXT PRIMARY KEY NOT NULL,
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    db_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    model TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    parent TEXT,
    finish_reason TEXT,
    asked_with TEXT,
    turns_read INTEGER
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS turns_room ON turns (service, user_id, db_id, turn_index);
CREATE TABLE IF NOT EXISTS room_states (
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    db_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    title TEXT,
    pinned INTEGER NOT NULL,
    path_end TEXT,
    newest TEXT,
    created_ms INTEGER NOT NULL,
    facts TEXT,
    PRIMARY KEY (service, user_id, db_id, version)
) STRICT;
CREATE TABLE IF NOT EXISTS tombstones (
    id TEXT PRIMARY KEY NOT NULL,
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    db_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS tombstones_room ON tombstones (service, user_id, db_id);
"""

ADDED_COLUMNS = {
    "turns": {"parent": "TEXT", "finish_reason": "TEXT", "asked_with": "TEXT", "turns_read": "INTEGER"},
    "room_states": {"facts": "TEXT"},
}
"""Columns that a file of an older release lacks; ``asked_with`` and ``facts`` hold JSON."""

TABLES = ("turns", "room_states", "tombstones")

OF_OWNER = "service = :service AND user_id = :user_id"

IN_ROOM = "service = :service AND user_id = :user_id AND db_id = :db_id"

NEWEST = f"SELECT id FROM turns WHERE {IN_ROOM} ORDER BY turn_index DESC LIMIT 1"
STATE = f"""
SELECT version, title, pinned, path_end, newest, facts FROM room_states WHERE {IN_ROOM}
ORDER BY version DESC LIMIT 1
"""

END = f"""
COALESCE(
    (SELECT path_end FROM ({STATE}) WHERE newest = ({NEWEST})
        AND EXISTS (SELECT 1 FROM turns WHERE id = path_end AND {IN_ROOM})),
    ({NEWEST})
)
"""

INSERT = f"""
INSERT INTO turns (
    id, service, user_id, db_id, turn_index, question, answer, model, created_ms, parent, finish_reason,
    asked_with, turns_read
)
SELECT
    :id, :service, :user_id, :db_id,
    COALESCE((SELECT MAX(turn_index) FROM turns WHERE {IN_ROOM}), 0) + 1,
    :question, :answer, :model, :created_ms,
    CASE
        WHEN :begins THEN ''
        WHEN EXISTS (SELECT 1 FROM turns WHERE id = :after AND {IN_ROOM}) THEN :after
        ELSE COALESCE({END}, '')
    END,
    :finish_reason, :asked_with, :turns_read
WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE id IN (:id, :after))
ON CONFLICT (id) DO NOTHING
"""

# A turn without a parent is from before: it follows the one stored before it.
PARENT = """
COALESCE(parent, (
    SELECT id FROM turns AS earlier
    WHERE earlier.service = turns.service AND earlier.user_id = turns.user_id
        AND earlier.db_id = turns.db_id AND earlier.turn_index < turns.turn_index
    ORDER BY earlier.turn_index DESC LIMIT 1
), '')
"""
COLUMNS = f"""
id, service, user_id, db_id, turn_index, question, answer, model, created_ms, {PARENT}, finish_reason,
asked_with, turns_read
"""

ROOMS = """
SELECT db_id, COUNT(*), MAX(created_ms), (
    SELECT question FROM turns AS first
    WHERE first.service = turns.service AND first.user_id = turns.user_id AND first.db_id = turns.db_id
    ORDER BY first.turn_index LIMIT 1
), state.title, COALESCE(state.pinned, 0)
FROM turns LEFT JOIN (
    SELECT db_id AS room, title, pinned, MAX(version) FROM room_states
    WHERE service = :service AND user_id = :user_id GROUP BY db_id
) AS state ON state.room = turns.db_id
WHERE service = :service AND user_id = :user_id
GROUP BY db_id ORDER BY MAX(created_ms) DESC, db_id
"""

PRUNE = """
DELETE FROM turns WHERE (service, user_id, db_id) IN (
    SELECT service, user_id, db_id FROM turns GROUP BY service, user_id, db_id HAVING MAX(created_ms) < ?
)
"""

FORGET = """
DELETE FROM {table} WHERE created_ms < ? AND (service, user_id, db_id) NOT IN (
    SELECT service, user_id, db_id FROM turns
)
"""

GIVEN = "IN (SELECT value FROM json_each(:ids))"
"""Whether a column holds one of the ids that are bound as one JSON array."""

WITHIN = """
id IN (
    SELECT id FROM (
        SELECT id, SUM(chars) OVER (ORDER BY turn_index DESC) - chars AS newer FROM (
            SELECT id, turn_index, LENGTH(question) + LENGTH(answer) AS chars FROM turns WHERE {chosen}
            ORDER BY turn_index DESC LIMIT :limit
        )
    ) WHERE newer < :chars
)
"""
"""Whether a turn is one of the last ``:limit`` that are chosen, and the newer ones have fewer characters."""

BURY = """
INSERT INTO tombstones (id, service, user_id, db_id, created_ms)
SELECT value, :service, :user_id, :db_id, :created_ms FROM json_each(:ids) WHERE true
ON CONFLICT (id) DO NOTHING
"""

PUT_STATE = """
INSERT INTO room_states (service, user_id, db_id, version, title, pinned, path_end, newest, created_ms, facts)
VALUES (:service, :user_id, :db_id, :version, :title, :pinned, :path_end, :newest, :created_ms, :facts)
ON CONFLICT DO NOTHING
"""

FORGET_STATES = f"DELETE FROM room_states WHERE {IN_ROOM} AND version < :version"

DELETE_TURNS = f"DELETE FROM turns WHERE id {GIVEN}"
