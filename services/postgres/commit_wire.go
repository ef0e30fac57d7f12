package postgres

import (
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// wire lends a connection the room for one statement. A connection gives its buffer up after every large one and lets the
// next grow from nothing: for a commit's arrays that was the largest allocation of all. It is sent in front of the statement
// as a part of the protocol that has no bytes: where nothing waits to go out, the connection goes on in this buffer.
type wire struct{ room []byte }

var wires = sync.Pool{New: func() any { return new(wire) }}

const (
	// around is what a statement takes beside its values, bytes: lengths, names and the lesser parts.
	around = 4 << 10
	// worthLending is from how many bytes of values on room is lent. A connection keeps a buffer of up to 1 KiB.
	worthLending = 4 << 10
)

// lend gives a connection room for a statement with these values; nil where it is not worth it.
func lend(to *pgconn.PgConn, values [][]byte) *wire {
	size := 0
	for _, v := range values {
		size += 4 + len(v)
	}
	if size < worthLending {
		return nil
	}
	w := wires.Get().(*wire)
	w.room = slices.Grow(w.room[:0], size+around)
	to.Frontend().Send(w)
	return w
}

// back takes the room back after a statement that went well: then the connection has none of it. After another it may
// have, and keeps it.
func (w *wire) back() {
	if w != nil {
		wires.Put(w)
	}
}

// Encode is asked by the connection for the bytes to go out, behind those that wait.
func (w *wire) Encode(waiting []byte) ([]byte, error) {
	if len(waiting) > 0 {
		return waiting, nil
	}
	return w.room, nil
}

// Frontend makes it a part of the protocol.
func (*wire) Frontend() {}

// Decode is never asked for.
func (*wire) Decode([]byte) error { return nil }
