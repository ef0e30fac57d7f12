package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// connect opens one connection that understands uuid.UUID.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, hideURL(err)
	}
	registerTypes(conn.TypeMap())
	return conn, nil
}

// registerTypes lets uuid.UUID travel in binary (by itself pgx would take the way round over text) and reads times as
// UTC. The zero UUID stands for none: it reads from and is written as NULL only through [orNull] and [uuidOrZero].
func registerTypes(m *pgtype.Map) {
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapUUIDEncode}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapUUIDScan}, m.TryWrapScanPlanFuncs...)
	m.RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	registerArrays(m)
}

type wireUUID uuid.UUID

func (u *wireUUID) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return fmt.Errorf("cannot scan NULL into a UUID")
	}
	*u = v.Bytes
	return nil
}

func (u wireUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: true}, nil }

type encodeUUID struct{ next pgtype.EncodePlan }

func (p *encodeUUID) SetNext(next pgtype.EncodePlan) { p.next = next }
func (p *encodeUUID) Encode(value any, buf []byte) ([]byte, error) {
	return p.next.Encode(wireUUID(value.(uuid.UUID)), buf)
}

func wrapUUIDEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	if v, ok := value.(uuid.UUID); ok {
		return &encodeUUID{}, wireUUID(v), true
	}
	return nil, nil, false
}

type scanUUID struct{ next pgtype.ScanPlan }

func (p *scanUUID) SetNext(next pgtype.ScanPlan) { p.next = next }
func (p *scanUUID) Scan(src []byte, dst any) error {
	return p.next.Scan(src, (*wireUUID)(dst.(*uuid.UUID)))
}

func wrapUUIDScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if v, ok := target.(*uuid.UUID); ok {
		return &scanUUID{}, (*wireUUID)(v), true
	}
	return nil, nil, false
}

// orNull is NULL for the zero UUID.
func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// uuidOrZero scans NULL as the zero UUID.
type uuidOrZero struct{ to *uuid.UUID }

func (u uuidOrZero) ScanUUID(v pgtype.UUID) error {
	*u.to = uuid.UUID{}
	if v.Valid {
		*u.to = v.Bytes
	}
	return nil
}

func orNulls(ids []uuid.UUID) []*uuid.UUID {
	out := make([]*uuid.UUID, len(ids))
	for i, id := range ids {
		out[i] = orNull(id)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
