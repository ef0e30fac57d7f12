package postgres

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// column builds one array parameter in PostgreSQL's binary format, element by element and without reflection: these
// arrays carry every decision that is written.
type column struct {
	kind columnKind
	n    int
	null bool
	buf  []byte // the header's room, then the elements
}

type columnKind struct {
	name string // as in a cast
	oid  uint32
}

var (
	int2s       = columnKind{"int2", pgtype.Int2OID}
	int4s       = columnKind{"int4", pgtype.Int4OID}
	int8s       = columnKind{"int8", pgtype.Int8OID}
	bools       = columnKind{"bool", pgtype.BoolOID}
	floats      = columnKind{"float8", pgtype.Float8OID}
	uuids       = columnKind{"uuid", pgtype.UUIDOID}
	texts       = columnKind{"text", pgtype.TextOID}
	blobs       = columnKind{"bytea", pgtype.ByteaOID}
	jsons       = columnKind{"jsonb", pgtype.JSONBOID}
	times       = columnKind{"timestamptz", pgtype.TimestamptzOID}
	arrayHeader = 20
	// PostgreSQL counts microseconds from the year 2000.
	postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
)

func newColumn(kind columnKind) *column { return &column{kind: kind, buf: make([]byte, arrayHeader)} }

func (c *column) size(n int) {
	c.n++
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(n))
}

func (c *column) addNull() {
	c.n++
	c.null = true
	c.buf = binary.BigEndian.AppendUint32(c.buf, 0xFFFFFFFF)
}

func (c *column) int2(v int16) {
	c.size(2)
	c.buf = binary.BigEndian.AppendUint16(c.buf, uint16(v))
}

func (c *column) int4(v int32) {
	c.size(4)
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(v))
}

func (c *column) int8(v int64) {
	c.size(8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(v))
}

func (c *column) bool(v bool) {
	c.size(1)
	if v {
		c.buf = append(c.buf, 1)
	} else {
		c.buf = append(c.buf, 0)
	}
}

func (c *column) uuid(v uuid.UUID) {
	c.size(16)
	c.buf = append(c.buf, v[:]...)
}

// uuidOrNull writes the zero UUID as NULL.
func (c *column) uuidOrNull(v uuid.UUID) {
	if v == uuid.Nil {
		c.addNull()
		return
	}
	c.uuid(v)
}

func (c *column) text(v string) {
	c.size(len(v))
	c.buf = append(c.buf, v...)
}

func (c *column) textOrNull(v string) {
	if v == "" {
		c.addNull()
		return
	}
	c.text(v)
}

func (c *column) blob(v []byte) {
	c.size(len(v))
	c.buf = append(c.buf, v...)
}

// json writes a JSON text; nil is NULL. The byte before it is the format's version.
func (c *column) json(v []byte) {
	if v == nil {
		c.addNull()
		return
	}
	c.size(len(v) + 1)
	c.buf = append(c.buf, 1)
	c.buf = append(c.buf, v...)
}

func (c *column) time(v time.Time) { c.int8(v.UnixMicro() - postgresEpoch) }

// timeOrNull writes the zero time as NULL.
func (c *column) timeOrNull(v time.Time) {
	if v.IsZero() {
		c.addNull()
		return
	}
	c.time(v)
}

// bytes is the array as the wire wants it.
func (c *column) bytes() []byte {
	if c.n == 0 {
		empty := make([]byte, 12)
		binary.BigEndian.PutUint32(empty[8:], c.kind.oid)
		return empty
	}
	h := c.buf[:arrayHeader]
	binary.BigEndian.PutUint32(h, 1)
	if c.null {
		binary.BigEndian.PutUint32(h[4:], 1)
	}
	binary.BigEndian.PutUint32(h[8:], c.kind.oid)
	binary.BigEndian.PutUint32(h[12:], uint32(c.n))
	binary.BigEndian.PutUint32(h[16:], 1)
	return c.buf
}

// table is several columns of equal length: the rows of one unnest.
type table []*column

func newTable(kinds ...columnKind) table {
	t := make(table, len(kinds))
	for i, k := range kinds {
		t[i] = newColumn(k)
	}
	return t
}

func (t table) rows() int { return t[0].n }

// arguments are the columns as parameters of a query.
func (t table) arguments() []any {
	args := make([]any, len(t))
	for i, c := range t {
		args[i] = rawArray{c}
	}
	return args
}

// from is the FROM item "f" of the table, whose columns are the parameters from $1 on.
func (t table) from(names string) string {
	p := part{names: names}
	for _, c := range t {
		p.kinds = append(p.kinds, c.kind)
	}
	return p.rows(1)
}

func (c *column) float(v float64) {
	c.size(8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, math.Float64bits(v))
}
