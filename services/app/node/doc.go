// Package node puts one wantgo node together: a database (given, or an embedded server of its own), its schema, the
// root secret, the engine, the senders that reach push providers, the public API and the internal pages.
//
// [Open] makes a node that is ready to be asked; [Node.Run] lets time pass on it and answers its listeners until it is
// told to stop, and then finishes what was acknowledged. A node that only reads, replays or makes a brand is opened
// without listeners and closed again; nothing of it runs in the background then, the committing of writes apart.
//
// It promises that any number of nodes may be opened on one database, or on one data directory, and that stopping one
// never loses what it answered: attempts in flight end, deliveries not begun go back. It does not decide what the
// command line looks like, and holds no rule of the domain.
package node
