package api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api/admit"
)

// narrow is room for four reports of one ping.
func narrow(c *Config) { c.Admission = admit.Settings{Least: 24, Most: 24, First: 24} }

// fill takes all room that a narrow server has, until it is given back.
func (f *fixture) fill() (giveBack func()) {
	var permits []admit.Permit
	for range 4 {
		p, err := f.server.gate.Enter(f.t.Context(), admit.Phone, 1)
		require.NoError(f.t, err)
		permits = append(permits, p)
	}
	return func() {
		for _, p := range permits {
			f.server.gate.Exit(p, true)
		}
	}
}

// native is a connection to the one public port.
func (f *fixture) native(address string) *grpc.ClientConn {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func requireOverloaded(t *testing.T, err error) {
	t.Helper()
	requireRefused(t, err, codes.ResourceExhausted, v1.ErrorReason_OVERLOADED)
	wait, ok := retryIn(err)
	require.True(t, ok, "%v", err)
	require.Positive(t, wait)
}

// A server that can do four calls at once, each of which takes as long as the test likes, gets twenty-four.
func TestASlowEngineRefusesWhatIsTooMuch(t *testing.T) {
	goOn, under := make(chan struct{}), make(chan struct{}, 24)
	slow := func(ctx context.Context, r any, call *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if call.FullMethod == v1.LocationService_ReportPings_FullMethodName {
			under <- struct{}{}
			<-goOn
		}
		return handler(ctx, r)
	}
	f := newFixture(t, narrow, func(c *Config) {
		c.Options = []grpc.ServerOption{grpc.ChainUnaryInterceptor(slow)}
		c.Admission.Random = func() float64 { return 1 } // no call is turned away unread for what was refused before it
	})
	tn := f.tenant()
	token := tn.device().GetDeviceToken()
	conns := []*grpc.ClientConn{f.conn, f.native(f.listen())} // grpc-go's own transport, and the one behind HTTP
	type told struct {
		err    error
		header metadata.MD
	}
	report := func(i int) (one told) {
		_, one.err = v1.NewLocationServiceClient(conns[i%2]).ReportPings(tn.phone(token),
			&v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(1, 1, noon)}}, grpc.Header(&one.header))
		return one
	}
	answers := make(chan told, 24)
	for i := range 24 {
		go func() { answers <- report(i) }()
	}
	began := time.Now()
	for range 20 {
		one := <-answers
		requireOverloaded(t, one.err)
		require.NotEmpty(t, one.header.Get("retry-after"))
	}
	t.Logf("refused after %s", time.Since(began))
	for range 4 {
		<-under
	}
	require.Empty(t, under)
	close(goOn)
	for range 4 {
		require.NoError(t, (<-answers).err)
	}
	require.Eventually(t, func() bool { return f.server.gate.Look().Held[admit.Phone] == 0 }, time.Minute, time.Millisecond, "room is given back once the answer is out")
	require.NoError(t, report(0).err)
	require.NoError(t, report(1).err)
}

// detail finds one of a Connect error's details.
func detail(t *testing.T, text []byte, into proto.Message) {
	t.Helper()
	var body struct {
		Code    string
		Details []struct{ Type, Value string }
	}
	require.NoError(t, json.Unmarshal(text, &body), "%s", text)
	require.Equal(t, "resource_exhausted", body.Code)
	for _, d := range body.Details {
		if d.Type == string(into.ProtoReflect().Descriptor().FullName()) {
			value, err := base64.RawStdEncoding.DecodeString(d.Value)
			require.NoError(t, err)
			require.NoError(t, proto.Unmarshal(value, into))
			return
		}
	}
	t.Fatalf("no detail of that kind: %s", text)
}

func requireTooMany(t *testing.T, answer *http.Response, text []byte) {
	t.Helper()
	require.Equal(t, http.StatusTooManyRequests, answer.StatusCode, "%s", text)
	require.Regexp(t, `^[1-9]\d*$`, answer.Header.Get("Retry-After"))
	var retry errdetails.RetryInfo
	detail(t, text, &retry)
	require.Positive(t, retry.GetRetryDelay().AsDuration())
	var reason errdetails.ErrorInfo
	detail(t, text, &reason)
	require.Equal(t, v1.ErrorReason_OVERLOADED.String(), reason.GetReason())
}

func TestOverloadOverHTTP(t *testing.T) {
	f := newFixture(t, narrow)
	tn := f.tenant()
	url := "http://" + f.listen() + v1.BrandService_GetBrand_FullMethodName
	giveBack := f.fill()
	key := []string{"Authorization", "Bearer " + tn.owner}
	for _, more := range [][]string{nil, {"Connect-Protocol-Version", "1"}} {
		answer, text := post(t, url, "application/json", []byte(`{}`), append(key, more...)...)
		requireTooMany(t, answer, text)
	}
	answer, text := post(t, url, "application/grpc-web+proto", binary.BigEndian.AppendUint32([]byte{0}, 0), key...)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.Contains(t, string(text)+answer.Header.Get("Grpc-Status"), "8")
	giveBack()
	answer, text = post(t, url, "application/json", []byte(`{}`), key...)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
}

// A flood goes on until part of it is refused unread; every refusal is told in full, whoever made it.
func TestAFloodIsRefusedUnread(t *testing.T) {
	f := newFixture(t, narrow, func(c *Config) { c.Admission.Random = func() float64 { return 0 } })
	tn := f.tenant()
	address := f.listen()
	behind := f.native(address)
	giveBack := f.fill()
	unread := func() uint64 { return f.server.gate.Look().Counts[admit.Console].Unread }
	flood := func(call func() bool) {
		before := unread()
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for unread() == before && t.Context().Err() == nil && call() {
				}
			})
		}
		all.Wait()
		require.Greater(t, unread(), before)
	}
	for _, conn := range []*grpc.ClientConn{f.conn, behind} {
		flood(func() bool {
			_, err := v1.NewBrandServiceClient(conn).GetBrand(tn.server(), &v1.GetBrandRequest{})
			requireOverloaded(t, err)
			return true
		})
	}
	flood(func() bool {
		answer, text := post(t, "http://"+address+v1.BrandService_GetBrand_FullMethodName, "application/json", []byte(`{}`),
			"Authorization", "Bearer "+tn.owner)
		requireTooMany(t, answer, text)
		return true
	})
	require.Zero(t, f.server.gate.Look().Counts[admit.Phone].Unread, "phones are another class")
	giveBack()
}

func TestEveryMessageOfAStreamIsAdmitted(t *testing.T) {
	f := newFixture(t, narrow)
	tn := f.tenant()
	token := tn.device().GetDeviceToken()
	before := f.server.gate.Look().Counts[admit.Phone].Admitted
	stream, err := v1.NewLocationServiceClient(f.conn).StreamPings(tn.phone(token))
	require.NoError(t, err)
	report := &v1.StreamPingsRequest{Report: &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(1, 1, noon)}}}
	for range 3 {
		require.NoError(t, stream.Send(report))
		_, err = stream.Recv()
		require.NoError(t, err)
	}
	require.Equal(t, before+4, f.server.gate.Look().Counts[admit.Phone].Admitted, "the opening and three messages")
	require.Zero(t, f.server.gate.Look().Held, "an answered message holds no room")
	defer f.fill()()
	require.NoError(t, stream.Send(report))
	_, err = stream.Recv()
	requireOverloaded(t, err)
}

func TestPingsOfAKeyAreCounted(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.KeyPings = Rate{PerSecond: 10, Burst: 5} })
	tn := f.tenant()
	device := tn.device().GetDevice().GetId()
	pings := func(n int) error {
		r := &v1.ImportPingsRequest{RequestId: uuid.NewString()}
		for range n {
			r.Pings = append(r.Pings, &v1.ImportedPing{Device: &v1.ImportedPing_DeviceId{DeviceId: device}, Ping: pingAt(1, 1, noon)})
		}
		_, err := v1.NewLocationServiceClient(f.conn).ImportPings(tn.server(), r)
		return err
	}
	require.NoError(t, pings(4))
	err := pings(4)
	requireRefused(t, err, codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED)
	wait, ok := retryIn(err)
	require.True(t, ok)
	require.GreaterOrEqual(t, wait, 300*time.Millisecond)
	f.clock.Set(noon.Add(wait).UnixMilli())
	require.NoError(t, pings(4))
	_, err = v1.NewBrandServiceClient(f.conn).GetBrand(tn.server(), &v1.GetBrandRequest{})
	require.NoError(t, err, "what brings no pings is not held to them")
}

func TestWhoIsServedFirst(t *testing.T) {
	all, err := methods()
	require.NoError(t, err)
	for name, want := range map[string]class{
		v1.LocationService_ReportPings_FullMethodName:      {admit.Phone, admit.Phone},
		v1.LocationService_StreamPings_FullMethodName:      {admit.Phone, admit.Phone},
		v1.DeviceService_RegisterDevice_FullMethodName:     {admit.Phone, admit.Phone},
		v1.WalletService_RedeemCoupon_FullMethodName:       {admit.Phone, admit.Phone},
		v1.StoreService_SearchStores_FullMethodName:        {admit.Console, admit.Phone},
		v1.LocationService_ImportPings_FullMethodName:      {admit.Import, admit.Import},
		v1.StoreService_ImportStores_FullMethodName:        {admit.Console, admit.Console},
		v1.DecisionService_ExplainDecisions_FullMethodName: {admit.Console, admit.Phone},
	} {
		require.Contains(t, all, name)
		if name == v1.DeviceService_RegisterDevice_FullMethodName && all[name].admits(v1.Access_SERVER) {
			want.without = admit.Console
		}
		require.Equal(t, want, all[name].class, name)
	}
	require.Equal(t, 3, weightOf(&v1.ReportPingsRequest{Pings: make([]*v1.Ping, 3)}))
	require.Equal(t, 500, weightOf(&v1.ImportPingsRequest{Pings: make([]*v1.ImportedPing, 500)}))
	require.Equal(t, weightOther, weightOf(&v1.GetBrandRequest{}))
	require.Equal(t, weightOther+8, weightOf(&v1.ImportStoresRequest{Content: make([]byte, 1024)}))
	require.Equal(t, codes.ResourceExhausted, status.Code(newRefusal(time.Second).err))
}
