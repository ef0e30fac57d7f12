package postgres

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// rawArray hands a column's bytes to pgx as they are.
type rawArray struct{ c *column }

type rawArrayPlan struct{}

func (rawArrayPlan) Encode(value any, buf []byte) ([]byte, error) {
	return append(buf, value.(rawArray).c.bytes()...), nil
}

// rawCodec lets a pgx array codec take a rawArray; everything else goes the usual way.
type rawCodec struct{ pgtype.Codec }

func (c rawCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(rawArray); ok && format == pgtype.BinaryFormatCode {
		return rawArrayPlan{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

func (c rawCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

func registerArrays(m *pgtype.Map) {
	for _, oid := range arrayOIDs {
		if t, ok := m.TypeForOID(oid); ok {
			m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: rawCodec{t.Codec}})
		}
	}
}

// timeOrZero scans NULL and -infinity as the zero time.
type timeOrZero struct{ time.Time }

func (t *timeOrZero) ScanTimestamptz(v pgtype.Timestamptz) error {
	t.Time = time.Time{}
	if v.Valid && v.InfinityModifier == pgtype.Finite {
		t.Time = v.Time.UTC()
	}
	return nil
}

// zeroTime is NULL for the zero time.
func zeroTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func zeroText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func textOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func emptyNotNil(ids []uuid.UUID) []uuid.UUID {
	if ids == nil {
		return []uuid.UUID{}
	}
	return ids
}
