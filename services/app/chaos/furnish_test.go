package chaos

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

const (
	stores    = 40  // with a fence of radius metres each, kilometres apart
	radius    = 100 // metres
	dailyCap  = 3   // notifications a person and day
	deadline  = 10 * time.Minute
	scarce    = 25 // coupons of the scarce campaign's offer
	notScarce = 100_000
)

// place of the i-th store.
func place(i int) (latitude, longitude float64) {
	return 37.4 + 0.01*float64(i/20), 126.8 + 0.02*float64(i%20)
}

// nowhere is a position kilometres from every store.
func nowhere() (latitude, longitude float64) { return 37.3, 126.7 }

// furnish sets the brand up: identities signed by the tests, geometry alone, a cap, credentials, stores and two campaigns.
func (n *node) furnish() {
	t := n.w.t
	t.Helper()
	n.settings(func(s *v1.BrandSettings) {
		public, err := x509.MarshalPKIXPublicKey(n.w.signer.Public())
		require.NoError(t, err)
		s.Caps = []*v1.Cap{{Scope: v1.Cap_BRAND, Limit: dailyCap, Window: &v1.Cap_Calendar_{Calendar: v1.Cap_DAY}}}
		s.MinimumGap = durationpb.New(0)
		s.Presence = &v1.PresenceRules{Policy: v1.PresenceRules_EXACT}
		s.Identify = &v1.IdentifySettings{Issuer: "chaos", Keys: []*v1.IdentifySettings_Key{{Id: "k1",
			PublicKeyPem: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}}}
	})
	ctx, cancel := context.WithTimeout(n.w.owner(context.Background()), patience)
	defer cancel()
	credentials := v1.NewCredentialServiceClient(n.conn)
	_, err := credentials.UploadCredential(ctx, &v1.UploadCredentialRequest{RequestId: newID(), Credential: &v1.UploadCredentialRequest_Firebase{
		Firebase: &v1.FirebaseKey{ServiceAccountJson: n.w.emulators.FCM.ServiceAccountJSON()}}})
	require.NoError(t, err)
	file := &strings.Builder{}
	fmt.Fprintln(file, "id,lat,lng,name")
	for i := range stores {
		latitude, longitude := place(i)
		fmt.Fprintf(file, "s%d,%f,%f,Store %d\n", i, latitude, longitude, i)
	}
	report, err := v1.NewStoreServiceClient(n.conn).ImportStores(ctx, &v1.ImportStoresRequest{RequestId: newID(),
		Content: []byte(file.String()), Format: v1.ImportStoresRequest_CSV, NearRadiusMeters: radius})
	require.NoError(t, err)
	require.EqualValues(t, stores, report.GetReport().GetCreated(), report)
	n.campaign("scarce", scarce, func(c *v1.Campaign) { c.Priority = 10; c.Offer.PerPersonLimit = 1 })
	n.campaign("welcome", notScarce, nil)
}

// settings changes the brand's settings.
func (n *node) settings(change func(s *v1.BrandSettings)) {
	t := n.w.t
	t.Helper()
	ctx, cancel := context.WithTimeout(n.w.owner(context.Background()), patience)
	defer cancel()
	brands := v1.NewBrandServiceClient(n.conn)
	got, err := brands.GetBrand(ctx, &v1.GetBrandRequest{})
	require.NoError(t, err)
	s := got.GetBrand().GetSettings()
	change(s)
	_, err = brands.UpdateBrand(ctx, &v1.UpdateBrandRequest{RequestId: newID(), Brand: &v1.Brand{Settings: s}})
	require.NoError(t, err)
}

// campaign starts a campaign for whoever enters a store.
func (n *node) campaign(name string, stock uint32, change func(*v1.Campaign)) {
	t := n.w.t
	t.Helper()
	ctx, cancel := context.WithTimeout(n.w.owner(context.Background()), patience)
	defer cancel()
	c := &v1.Campaign{
		ExternalId: name, DisplayName: name, Trigger: &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_ENTERED}},
		DeadlineMinutes: int32(deadline / time.Minute),
		Offer: &v1.Offer{Titles: map[string]string{"ko": "라떼 30% 할인", "en": "30% off any latte"}, Stock: stock,
			Validity: &v1.Offer_ValidFor{ValidFor: durationpb.New(2 * time.Hour)}},
		Texts: map[string]*v1.CampaignText{"ko": {Title: "{store}", Body: "{offer} 쿠폰 {coupon_code}"}, "en": {Title: "{store}", Body: "{offer}: {coupon_code}"}},
	}
	if change != nil {
		change(c)
	}
	campaigns := v1.NewCampaignServiceClient(n.conn)
	made, err := campaigns.CreateCampaign(ctx, &v1.CreateCampaignRequest{RequestId: newID(), Campaign: c})
	require.NoError(t, err)
	_, err = campaigns.ActivateCampaign(ctx, &v1.ActivateCampaignRequest{RequestId: newID(),
		Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(t, err)
}
