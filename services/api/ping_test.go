package api

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// TestCheckPingAgreesWithTheContract holds the check by hand against the contract's own, on pings of which many are bad.
func TestCheckPingAgreesWithTheContract(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	numbers := []float64{0, -0.0, 1, -1, 89.9, 90, 90.0000001, -90, -90.1, 180, 180.1, -180, -181, 1e6, 1e6 + 1, 1e4, 1e4 + 1,
		math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	number := func() float64 { return numbers[random.IntN(len(numbers))] }
	ids := []string{"", uuid.NewString(), "x", uuid.NewString() + "0", "{" + uuid.NewString() + "}", "urn:uuid:" + uuid.NewString()}
	good, bad := 0, 0
	for range 20_000 {
		p := &v1.Ping{Id: ids[random.IntN(len(ids))], Latitude: number(), Longitude: number(), AppState: v1.Ping_AppState(random.IntN(4))}
		if random.IntN(2) == 0 {
			p.Latitude, p.Longitude, p.Id = random.Float64()*180-90, random.Float64()*360-180, ids[random.IntN(2)]
			p.AppState = v1.Ping_FOREGROUND
		}
		if random.IntN(2) == 0 {
			p.AccuracyMeters = number()
		}
		if random.IntN(3) == 0 {
			v := number()
			p.SpeedMps = &v
		}
		if random.IntN(10) > 0 {
			p.ObservedTime = timestamppb.New(noon)
		}
		byHand, byContract := checkPing(p), protovalidate.Validate(p)
		require.Equal(t, byContract == nil, byHand.code == 0, "%v: by hand %v, by contract %v", p, byHand, byContract)
		if byContract == nil {
			good++
		} else {
			bad++
		}
	}
	require.Greater(t, good, 1000)
	require.Greater(t, bad, 1000)
}

// TestReportsThatKeepTheContract holds the check of a report by hand against the contract's own.
func TestReportsThatKeepTheContract(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	through, refused := 0, 0
	for range 5_000 {
		edge := func(most int) int { return []int{0, 1, most, most + 1}[random.IntN(4)] }
		r := &v1.ReportPingsRequest{
			Pings: make([]*v1.Ping, edge(100)), PresenceToken: make([]byte, edge(8192)), ZoneVersion: make([]byte, edge(128)),
			FenceSlots: int32(random.IntN(104) - 2), AppState: v1.Ping_AppState(random.IntN(5) - 1),
		}
		for i := range r.Pings {
			r.Pings[i] = &v1.Ping{Latitude: 1000 * float64(random.IntN(2))}
		}
		if random.IntN(2) == 0 {
			r.SentTime = timestamppb.New(noon)
		}
		err := protovalidate.Validate(r)
		require.Equal(t, err == nil, reportKeepsContract(r), "%d pings, token %d, zone %d, slots %d, state %d: %v",
			len(r.Pings), len(r.PresenceToken), len(r.ZoneVersion), r.FenceSlots, r.AppState, err)
		if err == nil {
			through++
		} else {
			refused++
		}
	}
	require.Greater(t, through, 500)
	require.Greater(t, refused, 500)
}

func TestPingsOfTheFarPastAndOfBrokenClocks(t *testing.T) {
	require.Equal(t, v1.PingRefusal_INVALID_TIME, checkPing(pingAt(1, 1, time.Unix(0, 0))).code)
	broken := pingAt(1, 1, noon)
	broken.ObservedTime = &timestamppb.Timestamp{Seconds: math.MaxInt64}
	require.Equal(t, "observed_time", checkPing(broken).field)
	require.Equal(t, v1.PingRefusal_PLACE_MISSING, checkPing(pingAt(0, 0, noon)).code)
	old := pingAt(1, 1, noon.Add(-25*time.Hour))
	require.Equal(t, v1.PingRefusal_TOO_OLD, checkAge(old, nil, noon).code)
	slow := timestamppb.New(noon.Add(-24 * time.Hour)) // the phone's clock is a day behind: the ping is an hour old
	require.Zero(t, checkAge(old, slow, noon).code)
}

func BenchmarkCheckPing(b *testing.B) {
	p := pingAt(shopLat, shopLng, noon)
	for b.Loop() {
		if checkPing(p).code != 0 {
			b.Fatal("refused")
		}
	}
}
