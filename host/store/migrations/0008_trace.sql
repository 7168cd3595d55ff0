-- The place in the client's trace from which a payout came, as W3C Trace Context tells it, so that whatever is done for it
-- later, on any host, belongs to the same trace. Null: the client sent none, and the trace is derived from flow_id.
-- Both tables get the columns in the same place: rows move between them as they are.
alter table app.payouts add column traceparent text, add column tracestate text;
alter table app.payouts_history add column traceparent text, add column tracestate text;
