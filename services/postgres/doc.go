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
// person's write contains them. The others (catalogue, stock, requests, revocations, sums) have versions of their
// own. brand_id is in every table and in every unique key. Deliveries are a person table by their key and have
// their own compare-and-set after birth: lease, attempt and state.
//
// # Connection poolers
//
// Every method is one statement or one transaction and keeps nothing in the session, so a transaction pooler such as
// pgbouncer may stand between, with [Options.Pooled] set: statements are then sent unprepared. Migrations take a
// session lock and need a direct connection.
package postgres
