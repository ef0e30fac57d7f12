package postgres_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/webhook"
)

// decided makes random rounds: one decision, some, or more than a row takes; won or not, of an arm, a sending, a test.
type decided struct {
	rng       *rand.Rand
	campaigns []uuid.UUID
	device    uuid.UUID
	at        time.Time
}

var reasons = []campaign.Reason{campaign.CapReached, campaign.OutsideHours, campaign.Outranked, campaign.StockGone}

func (d *decided) round(n int) []engine.Trace {
	first := engine.Trace{
		ID: id7(d.at), MomentID: id7(d.at), DeviceID: d.device, CampaignRev: int64(d.rng.IntN(5)), Kind: "entered", At: d.at, Test: d.rng.IntN(4) == 0,
	}
	if d.rng.IntN(4) == 0 {
		first.SendID = uuid.New()
	}
	traces := make([]engine.Trace, n)
	for i := range traces {
		t := first
		t.ID = engine.RoundID(first.ID, i)
		t.CampaignID, t.Reason = d.campaigns[d.rng.IntN(len(d.campaigns))], string(reasons[d.rng.IntN(len(reasons))])
		if d.rng.IntN(2) == 0 {
			t.Values = map[string]string{"by": t.CampaignID.String(), "text": "\"\\<한글>\x01"}
		}
		t.Arm = []string{"", "", "짧은 말", campaign.ArmHeldOut}[d.rng.IntN(4)]
		traces[i] = t
	}
	if d.rng.IntN(2) == 0 {
		w := &traces[0]
		w.Reason, w.NotificationID, w.CouponID, w.Channel = string(campaign.Won), uuid.New(), uuid.New(), "push"
	}
	return traces
}

// A round is one row, and reads back as the decisions it was made of: by page, by time, by reason, by moment and by id.
func TestRoundsReadBack(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	d := &decided{rng: seeded(t), device: devices[0].ID, at: noon}
	for range 5 {
		d.campaigns = append(d.campaigns, uuid.New())
	}
	var twin []engine.Trace
	rows, version := 0, int64(1)
	for _, sizes := range [][]int{{1}, {3, 2}, {1, 1, 7}, {1203}, {4}, {9, 1}, {2, 2, 2, 2}} {
		w := engine.PersonWrite{Key: keys[0], Version: version, WriteID: uuid.New(), State: []byte{1}}
		for _, n := range sizes {
			w.Traces = append(w.Traces, d.round(n)...)
			rows += 1 + (n-1)/501
		}
		d.at = d.at.Add(time.Duration(d.rng.IntN(3)) * time.Second)
		require.Equal(t, []bool{true}, commit(t, s, w))
		committed, err := s.Committed(t.Context(), []engine.PersonWrite{w})
		require.NoError(t, err)
		require.Equal(t, []bool{true}, committed)
		twin, version = append(twin, w.Traces...), version+1
	}
	require.Equal(t, rows, countRows(t, s, "trace"))
	slices.SortFunc(twin, func(a, b engine.Trace) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	for range 12 {
		d.askTraces(t, s, keys[0], twin)
	}
	letters := s.Letters()
	for range 20 {
		want := twin[d.rng.IntN(len(twin))]
		f, err := letters.FactOf(t.Context(), &webhook.Letter{Letter: engine.Letter{FactID: want.ID, Event: brand.DecisionMade}, Key: keys[0]})
		require.NoError(t, err)
		require.Equal(t, &want, f.Trace)
	}
	tally, err := s.Tally(t.Context(), b, noon)
	require.NoError(t, err)
	want := map[string]int{}
	for i := range twin {
		want[twin[i].Reason]++
	}
	require.Equal(t, want, tally.Decisions)
}

// askTraces reads all pages of a random question.
func (d *decided) askTraces(t *testing.T, s *postgres.Store, key engine.PersonKey, twin []engine.Trace) {
	f := engine.TraceFilter{Limit: 1 + d.rng.IntN(300)}
	if d.rng.IntN(3) == 0 {
		f.From, f.To = noon.Add(time.Duration(d.rng.IntN(4))*time.Second), noon.Add(time.Duration(3+d.rng.IntN(4))*time.Second)
	}
	if d.rng.IntN(3) == 0 {
		f.Reason = string(reasons[d.rng.IntN(len(reasons))])
	}
	if d.rng.IntN(3) == 0 {
		f.Before, f.Limit = twin[d.rng.IntN(len(twin))].ID, 200
	}
	asked := fmt.Sprintf("%+v", f)
	want := []engine.Trace{}
	for _, tr := range twin {
		if (f.Reason == "" || tr.Reason == f.Reason) && (f.From.IsZero() || !tr.At.Before(f.From) && tr.At.Before(f.To)) &&
			(f.Before == uuid.Nil || bytes.Compare(tr.ID[:], f.Before[:]) < 0) {
			want = append(want, tr)
		}
	}
	got := []engine.Trace{}
	for {
		page, err := s.Traces(t.Context(), key, f)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), f.Limit)
		for i := range page {
			got = append(got, page[i].Trace)
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	require.Equal(t, want, got, asked)
}

// Rows of one decision, as all were before there were rounds, read beside those of a round, in answers and in sums.
func TestRowsOfBefore(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 1)
	w := fullWrite(keys[0], 1, devices[0].ID, noon)
	first := w.Traces[0]
	for i := 1; i < 4; i++ {
		w.Traces = append(w.Traces, engine.Trace{ID: engine.RoundID(first.ID, i), MomentID: first.MomentID, DeviceID: first.DeviceID, CampaignID: first.CampaignID,
			CampaignRev: first.CampaignRev, Kind: first.Kind, Reason: "CAP_REACHED", At: first.At})
	}
	require.Equal(t, []bool{true}, commit(t, s, w))
	old := w.Traces[1]
	old.ID, old.Values = id7(noon), map[string]string{"limit": "2"}
	detail, err := json.Marshal(old.Values)
	require.NoError(t, err)
	_, err = postgres.Pool(s).Exec(t.Context(), `INSERT INTO trace (person_id, brand_id, id, at, campaign_rev, moment_id, device_id, campaign_id, kind, reason, channel, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11)`,
		keys[0].PersonID, b, old.ID, old.At, old.CampaignRev, old.MomentID, old.DeviceID, old.CampaignID, old.Kind, old.Reason, detail)
	require.NoError(t, err)
	require.Equal(t, 2, countRows(t, s, "trace"))

	_, facts, err := s.FactsOf(t.Context(), keys[0], []uuid.UUID{w.Places[0].PingID})
	require.NoError(t, err)
	require.ElementsMatch(t, append(slices.Clone(w.Traces), old), facts)
	rows, err := s.Traces(t.Context(), keys[0], engine.TraceFilter{Reason: "CAP_REACHED"})
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, &w.Places[0], rows[0].Place)
	won, refused, err := s.Examples(t.Context(), b, noon)
	require.NoError(t, err)
	require.Equal(t, []string{"WON", "CAP_REACHED"}, []string{won.Reason, refused.Reason})

	_, err = s.KeepHouse(t.Context(), noon.Add(26*time.Hour))
	require.NoError(t, err)
	for reason, want := range map[string]int{"WON": 1, "CAP_REACHED": 4, presence.Moved.String(): 1} {
		var n int
		require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT sum(count) FROM place_sum WHERE brand_id = $1 AND reason = $2`, b, reason).Scan(&n))
		require.Equal(t, want, n, reason)
	}
}
