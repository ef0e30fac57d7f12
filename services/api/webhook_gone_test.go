package api

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// An endpoint that answers 410 is disabled and asked no more; what it was to be told is told once it is written anew, and
// what happened meanwhile is not.
func TestAnEndpointThatIsGoneIsDisabled(t *testing.T) {
	f := newFixture(t)
	tn, r := f.tenant(), newReceiver(t)
	d := f.tells(r)
	hooks := v1.NewWebhookServiceClient(f.conn)
	hook := tn.webhook(r, func(w *v1.Webhook) { w.EventTypes = []string{"person.erased"} }).GetWebhook()
	leave := func() {
		_, err := v1.NewDeviceServiceClient(f.conn).DeleteMe(tn.phone(tn.device().GetDeviceToken()), &v1.DeleteMeRequest{RequestId: uuid.NewString()})
		require.NoError(t, err)
		f.settle(d)
	}
	shown := func() *v1.Webhook {
		w, err := hooks.GetWebhook(tn.server(), &v1.GetWebhookRequest{Id: hook.GetId()})
		require.NoError(t, err)
		return w.GetWebhook()
	}
	r.answer(http.StatusGone)
	leave()
	w := shown()
	require.Equal(t, v1.Webhook_DISABLED, w.GetState())
	require.NotNil(t, w.GetDisableTime())
	require.EqualValues(t, 1, w.GetWaitingCount())
	require.Zero(t, w.GetDeadCount())
	require.Equal(t, "HTTP_410", w.GetLastCode())
	r.answer(http.StatusOK)
	leave()
	require.Empty(t, r.types(), "nobody asks it")
	require.EqualValues(t, 1, shown().GetWaitingCount())

	updated, err := hooks.UpdateWebhook(tn.server(), &v1.UpdateWebhookRequest{RequestId: uuid.NewString(), Webhook: w})
	require.NoError(t, err)
	require.Equal(t, v1.Webhook_ACTIVE, updated.GetWebhook().GetState())
	require.Nil(t, updated.GetWebhook().GetDisableTime())
	f.settle(d)
	require.Equal(t, []string{"person.erased"}, r.types())
	require.Equal(t, v1.Webhook_ACTIVE, shown().GetState())
}
