package api

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// sameAsProto holds the reading by hand against proto.Unmarshal: the same message, or an error from both.
func sameAsProto(t *testing.T, wire []byte) (readable bool) {
	t.Helper()
	var byHand, byProto v1.ImportPingsRequest
	wrong, right := unmarshalImport(wire, &byHand), proto.Unmarshal(wire, &byProto)
	require.Equal(t, right == nil, wrong == nil, "%x: by hand %v, by proto %v", wire, wrong, right)
	if right == nil {
		require.True(t, proto.Equal(&byHand, &byProto) || sameBytes(t, &byHand, &byProto), "%x:\n%v\n%v", wire, &byHand, &byProto)
	}
	return right == nil
}

// sameBytes compares messages that hold a NaN, which equals nothing.
func sameBytes(t *testing.T, a, b proto.Message) bool {
	t.Helper()
	one, err := proto.MarshalOptions{Deterministic: true}.Marshal(a)
	require.NoError(t, err)
	other, err := proto.MarshalOptions{Deterministic: true}.Marshal(b)
	require.NoError(t, err)
	return string(one) == string(other)
}

func someImport(random *rand.Rand, pings int) *v1.ImportPingsRequest {
	r := &v1.ImportPingsRequest{RequestId: uuid.NewString()}
	if random.IntN(2) == 0 {
		r.SentTime = timestamppb.New(noon)
	}
	for range pings {
		p := &v1.Ping{Latitude: random.Float64() * 90, Longitude: random.NormFloat64() * 90, Mock: random.IntN(4) == 0, AppState: v1.Ping_AppState(random.IntN(4) - 1)}
		if random.IntN(2) == 0 {
			p.Id, p.AccuracyMeters = uuid.NewString(), random.Float64()*100
		}
		if random.IntN(3) == 0 {
			p.SpeedMps = proto.Float64(random.Float64())
		}
		if random.IntN(8) > 0 {
			p.ObservedTime = timestamppb.New(noon.Add(time.Duration(random.Int64N(1e12)) - 1e18))
		}
		in := &v1.ImportedPing{Ping: p}
		switch random.IntN(4) {
		case 0:
			in.Device = &v1.ImportedPing_DeviceExternalId{DeviceExternalId: "전화 1"}
		case 1:
			in.Ping = nil
		default:
			in.Device = &v1.ImportedPing_DeviceId{DeviceId: uuid.NewString()}
		}
		r.Pings = append(r.Pings, in)
	}
	return r
}

func TestImportIsReadAsProtoReadsIt(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	readable, unreadable := 0, 0
	for range 2000 {
		wire, err := proto.Marshal(someImport(random, random.IntN(5)))
		require.NoError(t, err)
		require.True(t, sameAsProto(t, wire))
		for range 10 { // and damaged
			broken := append([]byte(nil), wire...)
			for range 1 + random.IntN(3) {
				broken[random.IntN(len(broken))] = byte(random.Uint32())
			}
			if random.IntN(4) == 0 {
				broken = append(broken[:random.IntN(len(broken))], wire...) // parts twice
			}
			if sameAsProto(t, broken) {
				readable++
			} else {
				unreadable++
			}
		}
	}
	require.Greater(t, readable, 1000)
	require.Greater(t, unreadable, 1000)
}

func FuzzImport(f *testing.F) {
	wire, err := proto.Marshal(someImport(rand.New(rand.NewPCG(1, 1)), 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) { sameAsProto(t, wire) })
}

// An operation is a ping.
func BenchmarkUnmarshalImport(b *testing.B) {
	const pings = 500
	wire, err := proto.Marshal(someImport(rand.New(rand.NewPCG(1, 1)), pings))
	require.NoError(b, err)
	data := mem.BufferSlice{mem.SliceBuffer(wire)}
	for name, c := range map[string]interface {
		Unmarshal(mem.BufferSlice, any) error
	}{"by hand": newCodec(), "by proto": newCodec().CodecV2} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; n < b.N; n += pings {
				var r v1.ImportPingsRequest
				require.NoError(b, c.Unmarshal(data, &r))
			}
		})
	}
}

func someResult(random *rand.Rand) *v1.PingResult {
	r := &v1.PingResult{Outcome: v1.PingResult_Outcome(random.IntN(3)), Late: random.IntN(3) == 0, Duplicate: random.IntN(3) == 0}
	switch random.IntN(6) {
	case 0:
		r.PingId = strings.Repeat("핑", random.IntN(200))
	case 1:
		r.Refusal, r.Field, r.Detail = v1.PingRefusal_INVALID_FIELD, "latitude", "not on the globe"
	case 2:
		r.Transitions = append(r.Transitions, &v1.Transition{Id: uuid.NewString(), TransitionTime: timestamppb.New(noon)})
	case 3:
		r.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 0x01})
	case 4:
		r.Outcome = v1.PingResult_Outcome(random.Int32())
	default:
		r.PingId = uuid.NewString()
	}
	return r
}

func TestImportAnswerIsWrittenAsProtoWouldWriteIt(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	for range 2000 {
		r := &v1.ImportPingsResponse{}
		for range random.IntN(6) {
			r.Results = append(r.Results, someResult(random))
		}
		if random.IntN(2) == 0 {
			r.ServerTime = timestamppb.New(noon)
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		require.NoError(t, err)
		got, err := newCodec().Marshal(r)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got.Materialize()))
		got.Free()
	}
	_, err := newCodec().Marshal(&v1.ImportPingsResponse{Results: []*v1.PingResult{{PingId: "\xff"}}})
	require.Error(t, err)
}

// An operation is a ping.
func BenchmarkMarshalImport(b *testing.B) {
	const pings = 500
	r := &v1.ImportPingsResponse{ServerTime: timestamppb.New(noon)}
	for range pings {
		r.Results = append(r.Results, &v1.PingResult{PingId: uuid.NewString(), Outcome: v1.PingResult_TAKEN})
	}
	for _, c := range []struct {
		name  string
		codec encoding.CodecV2
	}{{"by hand", newCodec()}, {"by proto", newCodec().CodecV2}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; n < b.N; n += pings {
				wire, err := c.codec.Marshal(r)
				if err != nil {
					b.Fatal(err)
				}
				wire.Free()
			}
		})
	}
}
