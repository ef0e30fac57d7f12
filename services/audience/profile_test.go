package audience_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

var schema = audience.SchemaOf([]brand.Attribute{{Name: "n", Type: brand.TypeNumber}, {Name: "s", Type: brand.TypeString}, {Name: "b", Type: brand.TypeBool},
	{Name: "d", Type: brand.TypeDate}, {Name: "l", Type: brand.TypeList}})

func TestAttributesAreTyped(t *testing.T) {
	require.Empty(t, schema.Check(map[string]any{"n": 1.5, "s": "x", "b": true, "d": "2024-02-29", "l": []string{"a"}}))
	for name, value := range map[string]any{"n": "1", "s": 1.0, "b": "true", "d": "2023-02-29", "l": "a", "x": "y"} {
		vs := schema.Check(map[string]any{name: value})
		require.Len(t, vs, 1, name)
		require.Equal(t, "attributes."+name, vs[0].Field)
	}
	for _, bad := range []any{math.NaN(), math.Inf(1), nil, 7, []any{"a"}, struct{}{}} {
		require.NotEmpty(t, schema.Check(map[string]any{"n": bad}), "%v", bad)
	}
	require.NotEmpty(t, schema.Check(map[string]any{"s": strings.Repeat("x", audience.MaxText+1)}))
	require.NotEmpty(t, schema.Check(map[string]any{"s": "a\x00"}))
	require.NotEmpty(t, schema.Check(map[string]any{"l": make([]string, audience.MaxListed+1)}))
	for text, want := range map[string]any{"n:1e3": 1000.0, "s:1": "1", "b:Yes": true, "b:0": false, "d:2024-02-29": "2024-02-29", "l:a | b": []string{"a", "b"}} {
		name, cell, _ := strings.Cut(text, ":")
		got, why := schema.Parse(name, cell)
		require.Empty(t, why, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"n:NaN", "n:1,5", "b:perhaps", "d:tomorrow"} {
		name, cell, _ := strings.Cut(text, ":")
		_, why := schema.Parse(name, cell)
		require.NotEmpty(t, why, text)
	}
}

// What several copies of a person share is never changed in place.
func TestChangesLeaveTheOldProfileAlone(t *testing.T) {
	list, dead := uuid.New(), uuid.New()
	old := audience.Profile{Attributes: map[string]any{"n": 1.0, "s": "x"}, Segments: []uuid.UUID{dead}, Purchases: &audience.Purchases{Count: 1, Amount: map[string]float64{"KRW": 5}}}
	next := old
	next.SetAttributes(map[string]any{"n": 2.0, "s": nil})
	require.True(t, next.PutOnList(list, true, func(id uuid.UUID) bool { return id != dead }))
	require.False(t, next.PutOnList(list, true, func(uuid.UUID) bool { return true }))
	next.Purchases = next.Purchases.With(&audience.Purchase{ID: "r", At: time.Unix(9, 0), Amount: 2, Currency: "KRW"})
	require.Equal(t, map[string]any{"n": 1.0, "s": "x"}, old.Attributes)
	require.Equal(t, []uuid.UUID{dead}, old.Segments)
	require.Equal(t, 5.0, old.Purchases.Amount["KRW"])
	require.Equal(t, map[string]any{"n": 2.0}, next.Attributes)
	require.Equal(t, []uuid.UUID{list}, next.Segments)
	require.Equal(t, 7.0, next.Purchases.Amount["KRW"])
	require.False(t, audience.SameWritten(&old, &next))
	stored := audience.Profile{Attributes: map[string]any{"l": []any{"a"}}}
	given := audience.Profile{Attributes: map[string]any{"l": []string{"a"}}}
	require.True(t, audience.SameWritten(&stored, &given), "as it comes back from storage")
}

func TestLimitsAreChecked(t *testing.T) {
	store := uuid.New()
	check := func(l audience.Limits) error {
		return l.Check([]string{"cake"}, func(id uuid.UUID) bool { return id == store })
	}
	require.NoError(t, check(audience.Limits{PerDay: 1, MutedTopics: []string{"cake"}, MutedStores: []uuid.UUID{store}, QuietFrom: 1290, QuietUntil: 540}))
	for name, bad := range map[string]audience.Limits{"per_day": {PerDay: -1}, "per_week": {PerWeek: 1001}, "muted_topics": {MutedTopics: []string{"tea"}},
		"muted_stores": {MutedStores: []uuid.UUID{uuid.New()}}, "quiet_from": {QuietFrom: -1}, "quiet_until": {QuietUntil: 1440}} {
		require.ErrorContains(t, check(bad), name)
	}
	require.True(t, (*audience.Limits)(nil).IsZero())
	require.True(t, (&audience.Limits{QuietFrom: 5, QuietUntil: 5}).IsZero())
}
