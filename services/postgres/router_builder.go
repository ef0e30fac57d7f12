package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// builder writes a statement about one person, who is $1 and whose brand is $2.
type builder struct {
	sql    strings.Builder
	values [][]byte
	oids   []uint32
	rows   int
}

func about(person, brand uuid.UUID) *builder {
	b := &builder{}
	b.uuid(person)
	b.uuid(brand)
	return b
}

// insertInto begins an INSERT of rows of one person, whose key comes first.
func insertInto(person, brand uuid.UUID, tableName, columns string) *builder {
	b := about(person, brand)
	b.sql.WriteString("INSERT INTO " + tableName + " (person_id, brand_id, " + columns + ") VALUES ")
	return b
}

// row adds a row of what stands after person_id and brand_id.
func (b *builder) row(cells ...string) {
	if b.rows > 0 {
		b.sql.WriteString(", ")
	}
	b.rows++
	b.sql.WriteString("($1, $2, " + strings.Join(cells, ", ") + ")")
}

// end is the statement with a last piece of text. Of an INSERT without rows there is none.
func (b *builder) end(text string) statement {
	b.sql.WriteString(text)
	return statement{sql: b.sql.String(), values: b.values, oids: b.oids}
}

// appendTo adds the statement to a unit, unless it is an INSERT without rows.
func (b *builder) appendTo(u unit, text string) unit {
	if b.rows == 0 {
		return u
	}
	return append(u, b.end(text))
}

// arg adds a parameter and is its place in the text.
func (b *builder) arg(kind columnKind, put func(*column)) string {
	c := newColumn(kind)
	put(c)
	var value []byte
	if !c.null {
		value = c.buf[arrayHeader+4:]
	}
	return b.raw(kind.oid, value)
}

func (b *builder) raw(oid uint32, value []byte) string {
	b.values, b.oids = append(b.values, value), append(b.oids, oid)
	return fmt.Sprintf("$%d", len(b.values))
}

func (b *builder) uuid(v uuid.UUID) string { return b.arg(uuids, func(c *column) { c.uuid(v) }) }

// uuidOrNull writes the zero UUID as NULL.
func (b *builder) uuidOrNull(v uuid.UUID) string {
	return b.arg(uuids, func(c *column) { c.uuidOrNull(v) })
}

func (b *builder) uuidList(v []uuid.UUID) string {
	c := newColumn(uuids)
	for _, id := range v {
		c.uuid(id)
	}
	return b.raw(arrayOIDs[uuids.oid], c.bytes())
}

func (b *builder) text(v string) string { return b.arg(texts, func(c *column) { c.text(v) }) }

func (b *builder) textOrNull(v string) string {
	return b.arg(texts, func(c *column) { c.textOrNull(v) })
}

func (b *builder) bool(v bool) string { return b.arg(bools, func(c *column) { c.bool(v) }) }

func (b *builder) int2(v int16) string { return b.arg(int2s, func(c *column) { c.int2(v) }) }

func (b *builder) int4(v int32) string { return b.arg(int4s, func(c *column) { c.int4(v) }) }

func (b *builder) int8(v int64) string { return b.arg(int8s, func(c *column) { c.int8(v) }) }

// int8OrNull writes 0 as NULL.
func (b *builder) int8OrNull(v int64) string {
	return b.arg(int8s, func(c *column) {
		if v == 0 {
			c.addNull()
		} else {
			c.int8(v)
		}
	})
}

func (b *builder) float(v float64) string { return b.arg(floats, func(c *column) { c.float(v) }) }

func (b *builder) blob(v []byte) string { return b.arg(blobs, func(c *column) { c.blob(v) }) }

// json writes a JSON text; nil is NULL.
func (b *builder) json(v []byte) string { return b.arg(jsons, func(c *column) { c.json(v) }) }

func (b *builder) time(v time.Time) string { return b.arg(times, func(c *column) { c.time(v) }) }

// timeOrNull writes the zero time as NULL.
func (b *builder) timeOrNull(v time.Time) string {
	return b.arg(times, func(c *column) { c.timeOrNull(v) })
}
