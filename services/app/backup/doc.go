// Package backup keeps a copy of the embedded database in one file, and makes a database of it again.
//
// It promises that a copy is consistent although the server goes on working meanwhile; that a file which is not whole
// and unchanged, to the last byte of every entry, makes no database; that nothing which exists is ever overwritten; and
// that a restored database is another epoch: whoever was erased after the copy was made is erased again before
// anybody can open it, and what was waiting for a provider then is not handed over now.
//
// It does not know what happened after the copy was made, the list of erasures apart: coupons, redemptions, consents,
// keys and campaigns are as they were. It does not encrypt: a copy holds everything about everybody, except the root
// secret, which it holds only on request.
package backup
