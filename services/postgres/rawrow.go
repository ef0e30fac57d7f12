package postgres

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rawRow reads the columns of one row in their order, from PostgreSQL's binary format and without reflection: deliveries and
// people are read by the thousand. NULL is the zero value. What it returns does not belong to the row.
type rawRow struct {
	values [][]byte
	at     int
	odd    bool // a value was not as long as its type is
}

// collectRaw is [pgx.CollectRows] for rows that quick reads; about so many are expected. Where the connection's way of asking
// gives text instead of the binary format, or a value is unusual, slow reads.
func collectRaw[T any](rows pgx.Rows, about int, quick func(r *rawRow) (T, error), slow pgx.RowToFunc[T]) ([]T, error) {
	defer rows.Close()
	all := make([]T, 0, about)
	raw := isRaw(rows.FieldDescriptions())
	for rows.Next() {
		one, err := readRaw(rows, raw, quick, slow)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func readRaw[T any](rows pgx.Rows, raw bool, quick func(r *rawRow) (T, error), slow pgx.RowToFunc[T]) (T, error) {
	if raw {
		r := rawRow{values: rows.RawValues()}
		if one, err := quick(&r); !r.odd {
			return one, err
		}
	}
	return slow(rows)
}

// isRaw tells whether all columns are in the format that a rawRow reads. Of text both formats are the same.
func isRaw(fields []pgconn.FieldDescription) bool {
	for i := range fields {
		text := fields[i].DataTypeOID == pgtype.TextOID || fields[i].DataTypeOID == pgtype.JSONBOID && fields[i].Format == pgtype.TextFormatCode
		if !text && (fields[i].Format != pgtype.BinaryFormatCode || fields[i].DataTypeOID == pgtype.JSONBOID) {
			return false
		}
	}
	return len(fields) > 0
}

// bytes are the next value's, until the next row; nil: NULL.
func (r *rawRow) bytes() []byte {
	r.at++
	return r.values[r.at-1]
}

// sized are the next value's bytes, of a type of that size; nil: NULL.
func (r *rawRow) sized(size int) []byte {
	b := r.bytes()
	if b != nil && len(b) != size {
		r.odd, b = true, nil
	}
	return b
}

func (r *rawRow) uuid() (id uuid.UUID) {
	copy(id[:], r.sized(len(id)))
	return id
}

func (r *rawRow) text() string { return string(r.bytes()) }

func (r *rawRow) bool() bool {
	b := r.sized(1)
	return b != nil && b[0] != 0
}

func (r *rawRow) int() int64 {
	switch b := r.bytes(); len(b) {
	case 0:
		return 0
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	r.odd = true
	return 0
}

// time is in the local zone, as pgx reads it; infinity is unusual.
func (r *rawRow) time() time.Time {
	b := r.sized(8)
	if b == nil {
		return time.Time{}
	}
	micros := int64(binary.BigEndian.Uint64(b))
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		r.odd = true
		return time.Time{}
	}
	return time.UnixMicro(micros + postgresEpoch)
}

// utc is time in UTC.
func (r *rawRow) utc() time.Time {
	if t := r.time(); !t.IsZero() {
		return t.UTC()
	}
	return time.Time{}
}
