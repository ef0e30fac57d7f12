// Package postgres keeps everything that must survive: it implements every storage contract of the engine and of
// the pusher on PostgreSQL (14 and later), carries the schema's migrations, and runs an embedded server for those
// who have none. It is the only importer of pgx.
//
// It promises: a person's decisions are compare-and-set on one row, many people in one statement ([Store.Commit]),
// and facts exist exactly for the writes that won; rows are locked in one order everywhere, so that concurrent
// statements do not deadlock; leases are written and judged by the database's clock alone; the catalogue's versions
// become visible in the order of their numbers; no coordinate of a person is ever part of a statement, and neither
// addresses nor secrets are ever logged.
//
// It does not decide anything, keeps no cache, retries nothing that might have happened already (short transactions
// that surely rolled back, deadlock victims, are the exception), and does not know brands from strangers: the caller
// names the brand, and takes it from authentication only.
//
// # Three classes of table
//
// Person tables start their key with person_id, then brand_id; they are written in one statement with the person's
// row and have no foreign keys, triggers, sequences, or unique keys beyond that prefix. Directory tables (device,
// push_address, person_external) answer "whose is this" and have a key and a compare-and-set of their own; no
// person's write contains them. The others (catalogue, stock, requests, sums) have versions of their
// own. brand_id is in every table and in every unique key. Deliveries are a person table by their key and have
// their own compare-and-set after birth: lease, attempt and state.
//
// # Beyond one machine
//
// [Distribute] spreads the tables over the workers of a Citus cluster (12 or later): persons' tables by person_id, all
// of one person on one shard; the catalogue copied to every node; a brand's devices, addresses, stock, sums and audit by
// brand_id, because their unique keys have nothing else in common; a person's own id and a request's id by themselves
// (see distribution). A brand's directory is therefore on one worker: some 300 bytes a device, read when a person is
// loaded; a large brand can be given a shard and a worker of its own (isolate_tenant_to_new_shard).
//
// [Open] notices such a database and then writes another way, behind the same contracts: [Options.Routed] forces that
// way on any PostgreSQL, which is how it is tested without a cluster. A person's write is a transaction of router
// statements on the person's shard: compare-and-set, a gate that fails unless it won, facts; all of it, and that of
// dozens of other people, is sent before the first answer is read. It costs several times what the one statement costs;
// its worth is that workers add up. Sweeps read what is due on all shards without locks and take row by row. Nothing
// relies on one moment across shards.
//
// What holds on such a database, and is checked by the tests against every statement of this package: a statement about
// people names the person, or is on a list of those that ask every shard, with its reason; tables of different shards do
// not meet in a statement (house-keeping's sums, in a statement of their own, are the exception); no rows from arrays,
// no changes within a WITH, no locks but on one shard, no clock_timestamp or random in an UPDATE or DELETE and no
// clock at all in ON CONFLICT, no sequences, triggers, foreign keys or notifications, no unique key without the
// distribution column. Erasing a person and moving its coupons are transactions over several shards.
//
// Nodes connect to the coordinator: the schema's version and new partitions are there, and so is the clock of the leases.
// The epoch is that of the coordinator and of every worker, since each may fail over alone; a worker that joins or
// leaves is an epoch, too. The workers' own settings (enable_seqscan, jit, statement_timeout) are the operator's.
//
// # Decisions and results
//
// What was decided about one moment is one row of trace, its other candidates as text beside the first: a row costs some
// eight microseconds of the server, a candidate in it about one. Rows of one decision, as earlier versions wrote them, read
// alike. Results are counted from these rows, some minutes at a time, and added up when the hour's places go (see [engine.Results]);
// a decision that is written into an hour after that, as a replay of old tracks does, is in no result.
//
// # Connection poolers
//
// Every method is one statement or one transaction and keeps nothing in the session, so a transaction pooler such as
// pgbouncer may stand between, with [Options.Pooled] set: statements are then sent unprepared. Migrations take a
// session lock and need a direct connection; a [Watcher] takes one, too, and does without behind a pooler.
//
// # Copies and the past
//
// [Server.Backup] copies an embedded server while it works, [Restore] makes one of a copy, and [Store.Resume] makes a
// database of the past, however it was recovered, fit for use: whoever was erased since is erased first, what waited
// for a provider ends, and the epoch is another. [Examine] shows what a database looks like to somebody who seeks faults.
package postgres
