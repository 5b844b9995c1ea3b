-- When a lane last said something else than before; and alarms that stand apart from those that were seen to.
ALTER TABLE lane_states ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX alarms_standing ON alarms (last) WHERE seen_by IS NULL;
CREATE INDEX alarms_seen ON alarms (seen_at) WHERE seen_by IS NOT NULL;
