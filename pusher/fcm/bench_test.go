package fcm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/pusher/fcm"
)

// Both ends run in this process and share its cores.
func BenchmarkSend(b *testing.B) {
	server, err := emulator.NewFCM(emulator.FCMOptions{})
	require.NoError(b, err)
	defer server.Close()
	sender, err := fcm.New(server.ServiceAccountJSON(), fcm.Options{Endpoint: server.URL(), Transport: fcm.NewPlainTransport(256)})
	require.NoError(b, err)
	d := delivery(time.Now().Add(time.Hour))
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if r := sender.Send(b.Context(), address("a"), d); r.Outcome != pusher.OutcomeAccepted {
				b.Error(r)
			}
		}
	})
}
