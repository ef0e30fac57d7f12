package apns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// Both ends run in this process and share its cores.
func BenchmarkSend(b *testing.B) {
	server, err := emulator.NewAPNs(emulator.APNsOptions{})
	require.NoError(b, err)
	defer server.Close()
	sender, err := apns.New(server.P8(), server.KeyID(), server.TeamID(), server.Topic(),
		apns.Options{Endpoint: server.Addr(), RootCAs: server.CertPool(), Connections: 1})
	require.NoError(b, err)
	defer sender.Close()
	d := delivery(time.Now().Add(time.Hour))
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if r := sender.Send(b.Context(), address("ab"), d); r.Outcome != pusher.OutcomeAccepted {
				b.Error(r)
			}
		}
	})
}
