package app_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// sendingPeople is how many people a sending is made to; WANTGO_SENDING_PEOPLE says otherwise.
func sendingPeople() int {
	if n, err := strconv.Atoi(os.Getenv("WANTGO_SENDING_PEOPLE")); err == nil {
		return n
	}
	return 200
}

// sendAt makes a campaign that is sent to everybody, and activates it.
func (p *process) sendAt(name string, at time.Time, perMinute int) *v1.Campaign {
	p.w.t.Helper()
	campaigns := v1.NewCampaignServiceClient(p.conn)
	made, err := campaigns.CreateCampaign(p.owner(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: &v1.Campaign{
		ExternalId: name, DisplayName: name,
		Trigger: &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_SCHEDULED}, Send: &v1.Send{BeginTime: timestamppb.New(at), PerMinute: int32(perMinute)}},
		Texts:   map[string]*v1.CampaignText{"ko": {Title: "오늘만", Body: "모두에게"}, "en": {Title: "Today", Body: "For all"}},
	}})
	require.NoError(p.w.t, err)
	_, err = campaigns.ActivateCampaign(p.owner(), &v1.ActivateCampaignRequest{RequestId: id(),
		Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(p.w.t, err)
	return made.GetCampaign()
}

// sendingOf is the one sending of a campaign; nil: there is none yet.
func (p *process) sendingOf(c *v1.Campaign) *v1.Sending {
	p.w.t.Helper()
	list, err := v1.NewSendingServiceClient(p.conn).ListSendings(p.owner(), &v1.ListSendingsRequest{CampaignId: c.GetId()})
	require.NoError(p.w.t, err)
	if len(list.GetSendings()) == 0 {
		return nil
	}
	require.Len(p.w.t, list.GetSendings(), 1)
	return list.GetSendings()[0]
}

// A sending to many people goes on when one of its two nodes is killed midway, and every phone gets it once. The next one
// is cancelled midway.
func TestSendingOfTwoNodes(t *testing.T) {
	people := sendingPeople()
	w := newWorld(t)
	a, b := w.serve(), w.serve()
	a.settings()
	a.credentials()
	var g errgroup.Group
	g.SetLimit(8)
	for i := range people {
		g.Go(func() error {
			a.register(v1.Device_ANDROID, fcmAddress(fmt.Sprintf("phone-%d", i))).consent(a)
			return nil
		})
	}
	require.NoError(t, g.Wait())
	perMinute := people * 6 // half of them every five seconds, by pages
	c := a.sendAt("all", time.Now().Add(2*time.Second), perMinute)
	require.Eventually(t, func() bool { s := b.sendingOf(c); return s.GetCounts().GetWonCount() > 0 }, patience, eachLook)
	a.kill()
	require.Eventually(t, func() bool { return b.sendingOf(c).GetState() == v1.Sending_DONE }, 2*patience, eachLook)
	s := b.sendingOf(c)
	require.EqualValues(t, people, s.GetCounts().GetWonCount(), s)
	require.EqualValues(t, people, s.GetEstimate().GetUnderCapsCount(), s)
	require.Eventually(t, func() bool { return w.emulators.Distinct() == people }, 2*patience, eachLook)
	phones := map[string]string{}
	for _, got := range w.emulators.FCM.Accepted(0) {
		if first, again := phones[got.Address]; again { // another attempt of the same, after a node died
			require.Equal(t, first, got.Notification)
		}
		phones[got.Address] = got.Notification
		require.Equal(t, "normal", got.Priority)
	}
	require.Len(t, phones, people)

	next := b.sendAt("next", time.Now().Add(2*time.Second), people*6)
	require.Eventually(t, func() bool { s := b.sendingOf(next); return s.GetCounts().GetWonCount() > 0 }, patience, eachLook)
	_, err := v1.NewSendingServiceClient(b.conn).CancelSending(b.owner(), &v1.CancelSendingRequest{RequestId: id(), Id: b.sendingOf(next).GetId()})
	require.NoError(t, err)
	s = b.sendingOf(next)
	require.Equal(t, v1.Sending_CANCELLED, s.GetState())
	require.Less(t, s.GetCounts().GetWonCount(), int64(people))
	b.stop()
	require.LessOrEqual(t, int64(w.emulators.Distinct()), int64(people)+s.GetCounts().GetWonCount())
}
