-- The providers that a host has configured, so that payouts are seen whose provider no live host has any more. Null: a host
-- of an earlier version, which may have any.
alter table app.hosts add column providers text[];
