package bench

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func randomID(r *rand.Rand) (id uuid.UUID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func randomSighting(r *rand.Rand) sighting {
	s := sighting{lat: r.Float64()*180 - 90, lng: r.Float64()*360 - 180, at: 1_700_000_000_000 + r.Int64N(1e11)}
	if r.IntN(2) == 0 {
		s.at -= s.at % 1000
	}
	if r.IntN(2) == 0 {
		s.id = randomID(r)
	}
	return s
}

// generated is what the generated code would send for a sighting.
func generated(s sighting) *v1.Ping {
	p := &v1.Ping{Latitude: s.lat, Longitude: s.lng, AccuracyMeters: accuracy, ObservedTime: timestamppb.New(time.UnixMilli(s.at))}
	if s.id != uuid.Nil {
		p.Id = s.id.String()
	}
	return p
}

func requireEqual(t *testing.T, want, got proto.Message) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)
	require.Empty(t, got.ProtoReflect().GetUnknown())
}

func TestRequestsAreTheContracts(t *testing.T) {
	r := seeded(t)
	for range 200 {
		request := randomID(r)
		want := &v1.ImportPingsRequest{RequestId: request.String()}
		b := appendID(nil, 1, request)
		for range r.IntN(5) {
			s, device := randomSighting(r), randomID(r)
			b = s.appendImported(b, device)
			want.Pings = append(want.Pings, &v1.ImportedPing{Device: &v1.ImportedPing_DeviceId{DeviceId: device.String()}, Ping: generated(s)})
		}
		got := &v1.ImportPingsRequest{}
		require.NoError(t, proto.Unmarshal(b, got))
		requireEqual(t, want, got)

		s, sent := randomSighting(r), r.Int64N(1e13)
		token := make([]byte, r.IntN(300))
		report := &v1.ReportPingsRequest{}
		require.NoError(t, proto.Unmarshal(s.appendReport(nil, token, sent), report))
		requireEqual(t, &v1.ReportPingsRequest{Pings: []*v1.Ping{generated(s)}, AppState: v1.Ping_BACKGROUND, PresenceToken: token,
			SentTime: timestamppb.New(time.UnixMilli(sent))}, report)
	}
}

// randomResult is a ping's result with everything that the contract has room for.
func randomResult(r *rand.Rand) *v1.PingResult {
	p := &v1.PingResult{PingId: randomID(r).String(), Outcome: v1.PingResult_TAKEN, Late: r.IntN(2) == 0, Duplicate: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		p.Outcome, p.Refusal, p.Field, p.Detail = v1.PingResult_REFUSED, v1.PingRefusal_TELEPORT, "latitude", "too far"
	}
	for range r.IntN(4) {
		p.Transitions = append(p.Transitions, &v1.Transition{
			Id: randomID(r).String(), Kind: v1.Transition_Kind(1 + r.IntN(4)), FenceId: randomID(r).String(), FenceExternalId: "f1",
			StoreId: randomID(r).String(), Purpose: v1.Fence_NEAR, Dwell: durationpb.New(time.Minute), ExitReason: v1.ExitReason_SILENCE,
			TransitionTime: timestamppb.New(time.UnixMilli(r.Int64N(1e13))),
		})
	}
	return p
}

func TestAnswersAreRead(t *testing.T) {
	r := seeded(t)
	var re reply
	for range 200 {
		var results []*v1.PingResult
		for range r.IntN(6) {
			results = append(results, randomResult(r))
		}
		check := func(m proto.Message, tokenField protowire.Number, token string) {
			b, err := proto.Marshal(m)
			require.NoError(t, err)
			i := 0
			require.NoError(t, re.scan(b, tokenField, func(o outcome) {
				want := results[i]
				i++
				require.Equal(t, want.Outcome == v1.PingResult_TAKEN, o.taken)
				require.Equal(t, uint64(want.Refusal), o.refusal)
				require.Len(t, o.transitions, len(want.Transitions))
				for k, tr := range want.Transitions {
					require.Equal(t, tr.FenceId, o.transitions[k].fence.String())
					require.Equal(t, uint8(tr.Kind), o.transitions[k].kind)
					require.Equal(t, tr.TransitionTime.AsTime().UnixMilli(), o.transitions[k].at)
				}
			}))
			require.Equal(t, len(results), i)
			require.Equal(t, token, string(re.token))
		}
		now := timestamppb.Now()
		check(&v1.ImportPingsResponse{Results: results, ServerTime: now}, 0, "")
		check(&v1.ReportPingsResponse{Results: results, ServerTime: now, PresenceToken: []byte("token"), NextReportAfter: durationpb.New(time.Hour),
			InAppMessage: &v1.InAppMessage{Title: "x"}, SafeZone: &v1.SafeZone{}}, 4, "token")
	}
}

func TestBrokenAnswersAreNotRead(t *testing.T) {
	b, err := proto.Marshal(&v1.ImportPingsResponse{Results: []*v1.PingResult{randomResult(seeded(t))}})
	require.NoError(t, err)
	var re reply
	require.Error(t, re.scan(b[:len(b)-1], 0, func(outcome) {}))
	bad, err := proto.Marshal(&v1.ImportPingsResponse{Results: []*v1.PingResult{{Transitions: []*v1.Transition{{FenceId: "no id"}}}}})
	require.NoError(t, err)
	require.Error(t, re.scan(bad, 0, func(outcome) {}))
}

func TestFramesGoThroughUntouched(t *testing.T) {
	whole := []byte("one message in several buffers")
	f := &frame{}
	for range 2 { // the second time into the first one's bytes
		require.NoError(t, frames{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(whole[:5]), mem.SliceBuffer(whole[5:])}, f))
		require.Equal(t, whole, f.bytes)
	}
	out, err := frames{}.Marshal(f)
	require.NoError(t, err)
	require.Equal(t, whole, out.Materialize())
}
