package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// TestNodeFrozen stops one of two nodes in its tracks until the leases of its deliveries, and in the large run of its
// blocks of stock, have ended and the other has taken its work; then it goes on where it stood.
func TestNodeFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	c := w.tried(t, "a node is frozen past its leases", pick(12, 100), func(w *world) int {
		thaw := w.nodes[0].freeze()
		time.Sleep(pick(18*time.Second, 110*time.Second))
		thaw()
		time.Sleep(pick(2*time.Second, 15*time.Second))
		return 1
	}, func(f *fleet) { // attempts are under way when it stops
		f.pause = pick(2*time.Second, time.Second)
		for _, h := range f.phones {
			require.NoError(t, w.emulators.FCM.On(h.address, emulator.Outcome{Delay: emulator.Duration(700 * time.Millisecond), Times: -1}))
		}
	})
	require.NotZero(t, c.retries, "phones were kept waiting")
}
