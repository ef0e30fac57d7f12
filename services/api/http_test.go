package api

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// listen serves the one public port of a fixture.
func (f *fixture) listen() string {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	return f.serve(listener)
}

// serve is listen with a listener of the test's own.
func (f *fixture) serve(listener net.Listener) string {
	port := f.server.Port(listener)
	go func() { _ = port.Serve() }()
	f.t.Cleanup(func() {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		port.Shutdown(at)
	})
	return listener.Addr().String()
}

func post(t *testing.T, url, kind string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, text
}

// TestOnePortSpeaksEverything asks for one brand as plain JSON, Connect, gRPC-Web and gRPC, all on one port.
func TestOnePortSpeaksEverything(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	address := f.listen()
	url := "http://" + address + v1.BrandService_GetBrand_FullMethodName
	key := []string{"Authorization", "Bearer " + tn.owner}
	check := func(text []byte) {
		t.Helper()
		var answer struct{ Brand struct{ ID string } }
		require.NoError(t, json.Unmarshal(text, &answer), "%s", text)
		require.Equal(t, tn.id.String(), answer.Brand.ID)
	}
	answer, text := post(t, url, "application/json", []byte(`{}`), key...)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	check(text)
	answer, text = post(t, url, "application/json", []byte(`{}`), append(key, "Connect-Protocol-Version", "1")...)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	check(text)

	answer, text = post(t, url, "application/json", []byte(`{}`))
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	require.Contains(t, string(text), `"unauthenticated"`)
	require.Contains(t, string(text), "google.rpc.ErrorInfo")

	frame := binary.BigEndian.AppendUint32([]byte{0}, 0)
	answer, text = post(t, url, "application/grpc-web+proto", frame, key...)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Greater(t, len(text), 5)
	body := &v1.GetBrandResponse{}
	require.NoError(t, proto.Unmarshal(text[5:5+binary.BigEndian.Uint32(text[1:5])], body))
	require.Equal(t, tn.id.String(), body.GetBrand().GetId())
	require.Contains(t, strings.ToLower(string(text)), "grpc-status: 0")

	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	native, err := v1.NewBrandServiceClient(conn).GetBrand(tn.server(), &v1.GetBrandRequest{})
	require.NoError(t, err)
	require.Equal(t, tn.id.String(), native.GetBrand().GetId())
	stream, err := v1.NewLocationServiceClient(conn).StreamPings(tn.phone(tn.device().GetDeviceToken()))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&v1.StreamPingsRequest{Report: &v1.ReportPingsRequest{Pings: []*v1.Ping{pingAt(1, 1, noon)}}}))
	first, err := stream.Recv()
	require.NoError(t, err)
	require.Len(t, first.GetReport().GetResults(), 1)
}

func TestBadHTTPIsRefused(t *testing.T) {
	f := newFixture(t)
	address := "http://" + f.listen()
	answer, _ := post(t, address+"/wantgo.v1.BrandService/Nothing", "application/json", []byte(`{}`))
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	answer, _ = post(t, address+v1.BrandService_GetBrand_FullMethodName, "application/json", []byte(`{`))
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	answer, text := post(t, address+v1.BrandService_UpdateBrand_FullMethodName, "application/json", []byte(`{"brand":{"settings":{"minimum_age":"secret"}}}`))
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	require.Contains(t, string(text), "invalid_argument")
	require.NotContains(t, string(text), "secret")
	answer, _ = post(t, address+v1.BrandService_GetBrand_FullMethodName, "text/plain", []byte(`{}`))
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
}
