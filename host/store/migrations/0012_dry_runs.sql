-- The dry run of one provider is a switch of its own, with who set it and why: a pause has its own note beside it.
alter table app.providers
  add column dry_run_note text,
  add column dry_run_by   text,
  add column dry_run_at   timestamptz;
