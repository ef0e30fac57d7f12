package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/app/node"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]api.Rate{
		"5,60": {PerSecond: 5, Burst: 60}, "0.5,1": {PerSecond: 0.5, Burst: 1}, "none": {PerSecond: -1},
	} {
		var s settings
		require.Equal(t, want, s.rate("device-rate", text))
		require.NoError(t, s.err())
	}
	for _, text := range []string{"", "5", "5,", ",5", "0,5", "-1,5", "5,0", "NaN,5", "Inf,5", "1e10,5", "5,5,5", "5, 5", "None"} {
		var s settings
		s.rate("device-rate", text)
		require.ErrorContains(t, s.err(), "--device-rate", text)
	}
}

func TestAdmissionFlagsReachTheNode(t *testing.T) {
	f := Admission{
		OverloadTarget: "20ms", OverloadWait: "10ms", OverloadMost: "5000", DeviceRate: "1,2", DevicePingRate: "3,4", KeyRate: "5,6",
		KeyPingRate: "none", AppRate: "7,8", SearchRate: "9,10", ClientConnections: "11", ClientStreams: "12",
	}
	var s settings
	var c node.Config
	f.set(&s, &c)
	require.NoError(t, s.err())
	require.Equal(t, 20*time.Millisecond, c.Admission.Target)
	require.Equal(t, 10*time.Millisecond, c.Admission.Wait)
	require.Equal(t, 5000, c.Admission.Most)
	require.Equal(t, api.Limits{
		Device: api.Rate{PerSecond: 1, Burst: 2}, DevicePings: api.Rate{PerSecond: 3, Burst: 4}, Key: api.Rate{PerSecond: 5, Burst: 6},
		KeyPings: api.Rate{PerSecond: -1}, App: api.Rate{PerSecond: 7, Burst: 8}, Search: api.Rate{PerSecond: 9, Burst: 10},
	}, c.Limits)
	require.Equal(t, []int{11, 12}, []int{c.Clients, c.Streams})
}
