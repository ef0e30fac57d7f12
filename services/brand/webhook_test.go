package brand_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
)

func TestWebhookValidate(t *testing.T) {
	good := func() brand.Webhook {
		return brand.Webhook{URL: "https://example.com/hook?x=1", Events: []brand.WebhookEvent{brand.VisitEntered}, Recipient: brand.OwnSystem, RecipientName: "Us"}
	}
	own := func(a string) bool { return a == "10.0.0.7:8080" || a == "[::1]:80" }
	for name, c := range map[string]struct {
		change func(*brand.Webhook)
		field  string
	}{
		"good":             {func(*brand.Webhook) {}, ""},
		"place":            {func(w *brand.Webhook) { w.Place = true }, ""},
		"place, processor": {func(w *brand.Webhook) { w.Place, w.Recipient = true, brand.Processor }, ""},
		"place, third party": {func(w *brand.Webhook) {
			w.Place, w.Recipient, w.Events = true, brand.ThirdParty, []brand.WebhookEvent{brand.CouponRedeemed}
		}, "recipient_purpose"},
		"place, third party, purpose": {func(w *brand.Webhook) {
			w.Place, w.Recipient, w.RecipientPurpose = true, brand.ThirdParty, "footfall"
		}, ""},
		"third party with a blank": {func(w *brand.Webhook) {
			w.Place, w.Recipient, w.RecipientPurpose, w.RecipientName = true, brand.ThirdParty, "footfall", "Mall "
		}, "recipient_name"},
		"third party, two lines": {func(w *brand.Webhook) {
			w.Place, w.Recipient, w.RecipientPurpose = true, brand.ThirdParty, "foot\nfall"
		}, "recipient_purpose"},
		"purpose of our own": {func(w *brand.Webhook) { w.RecipientPurpose = "footfall" }, "recipient_purpose"},
		"third party": {func(w *brand.Webhook) {
			w.Recipient, w.Events = brand.ThirdParty, []brand.WebhookEvent{brand.CouponRedeemed, brand.PersonErased}
		}, ""},
		"third party, visit": {func(w *brand.Webhook) { w.Recipient = brand.ThirdParty }, "events"},
		"clear text":         {func(w *brand.Webhook) { w.URL = "http://example.com" }, "url"},
		"clear text, own":    {func(w *brand.Webhook) { w.URL = "http://10.0.0.7:8080/x" }, ""},
		"clear text, v6":     {func(w *brand.Webhook) { w.URL = "http://[::1]/x" }, ""},
		"another port":       {func(w *brand.Webhook) { w.URL = "http://10.0.0.7:8081/x" }, "url"},
		"file":               {func(w *brand.Webhook) { w.URL = "file:///etc/passwd" }, "url"},
		"no host":            {func(w *brand.Webhook) { w.URL = "https:///x" }, "url"},
		"password":           {func(w *brand.Webhook) { w.URL = "https://u:p@example.com" }, "url"},
		"fragment":           {func(w *brand.Webhook) { w.URL = "https://example.com/#x" }, "url"},
		"long":               {func(w *brand.Webhook) { w.URL += strings.Repeat("x", 2000) }, "url"},
		"no events":          {func(w *brand.Webhook) { w.Events = nil }, "events"},
		"unknown event":      {func(w *brand.Webhook) { w.Events = []brand.WebhookEvent{"x"} }, "events"},
		"no recipient":       {func(w *brand.Webhook) { w.Recipient = "" }, "recipient"},
		"nameless":           {func(w *brand.Webhook) { w.RecipientName = " " }, "recipient_name"},
	} {
		w := good()
		c.change(&w)
		err := w.Validate(own)
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		var vs brand.Violations
		require.ErrorAs(t, err, &vs, name)
		require.Equal(t, c.field, vs[0].Field, name)
	}
	w := good()
	w.URL = "http://10.0.0.7:8080/x"
	require.Error(t, w.Validate(nil), "nobody allowed it")
}

func TestWebhookSecret(t *testing.T) {
	text, ok := strings.CutPrefix(brand.NewWebhookSecret(), "whsec_")
	require.True(t, ok)
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	require.Len(t, raw, 32)
	require.NotEqual(t, brand.NewWebhookSecret(), brand.NewWebhookSecret())
}
