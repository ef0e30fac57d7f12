package brand_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
)

func fieldsOf(t testing.TB, err error) []string {
	t.Helper()
	var vs brand.Violations
	require.ErrorAs(t, err, &vs)
	var fields []string
	for _, v := range vs {
		require.NotEmpty(t, v.Reason)
		fields = append(fields, v.Field)
	}
	return fields
}

func TestDefaultsAreValid(t *testing.T) {
	for _, j := range []string{brand.KR, brand.EU, brand.US} {
		s := brand.Default(j)
		require.NoError(t, s.Validate(), j)
	}
	s := brand.Default(brand.KR)
	require.Equal(t, "무료수신거부: 앱 > 설정 > 알림", s.OptOutText["ko"])
	require.False(t, s.FilingAllows(time.Unix(1e9, 0)), "a new Korean brand takes no ping")
}

func TestSettingsFaults(t *testing.T) {
	for field, change := range map[string]func(*brand.Settings){
		"jurisdiction":            func(s *brand.Settings) { s.Jurisdiction = "kr" },
		"filing.mode":             func(s *brand.Settings) { s.Filing.Mode = "none" },
		"time_zone":               func(s *brand.Settings) { s.TimeZone = "Local" },
		"locale":                  func(s *brand.Settings) { s.Locale = "" },
		"sender_name":             func(s *brand.Settings) { s.SenderName = "a\nb" },
		"sender_contact":          func(s *brand.Settings) { s.SenderContact = strings.Repeat("1", 101) },
		"opt_out_text.ko":         func(s *brand.Settings) { s.OptOutText["ko"] = " " },
		"caps[0]":                 func(s *brand.Settings) { s.Caps[0].Limit = 0 },
		"min_gap":                 func(s *brand.Settings) { s.MinGap = -1 },
		"longest_cap_window":      func(s *brand.Settings) { s.LongestCapWindow = 500 * 24 * time.Hour },
		"quiet_close_margin":      func(s *brand.Settings) { s.QuietCloseMargin = -time.Minute },
		"quiet_open_margin":       func(s *brand.Settings) { s.QuietOpenMargin = 121 * time.Minute },
		"place_retention":         func(s *brand.Settings) { s.PlaceRetention = 73 * time.Hour },
		"presence":                func(s *brand.Settings) { s.Presence.EnterMargin = -1 },
		"device.default_accuracy": func(s *brand.Settings) { s.Device.DefaultAccuracy = 0 },
		"device.policy":           func(s *brand.Settings) { s.Device.Policy = presence.Exact + 1 },
		"identify[0].algorithm": func(s *brand.Settings) {
			s.Identify = []brand.IdentifyKey{{KeyID: "k", Issuer: "i", Algorithm: "HS256"}}
		},
		"identify[0].public_key": func(s *brand.Settings) {
			s.Identify = []brand.IdentifyKey{{KeyID: "k", Issuer: "i", Algorithm: "RS256", PublicKey: "x"}}
		},
	} {
		s := brand.Default(brand.KR)
		change(&s)
		require.Equal(t, []string{field}, fieldsOf(t, s.Validate()))
	}
	s := brand.Settings{}
	require.Subset(t, fieldsOf(t, s.Validate()), []string{"jurisdiction", "time_zone", "locale", "place_retention", "device.default_accuracy"})
	s = brand.Default(brand.KR)
	s.LongestCapWindow = 24 * time.Hour
	s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Rolling: 25 * time.Hour}}}
	require.Equal(t, []string{"caps[0]"}, fieldsOf(t, s.Validate()))
	for _, edge := range []func(*brand.Settings){
		func(s *brand.Settings) { s.QuietCloseMargin, s.QuietOpenMargin = 0, 120*time.Minute },
		func(s *brand.Settings) { s.PlaceRetention = time.Hour },
		func(s *brand.Settings) { s.PlaceRetention, s.MinGap = 72*time.Hour, 0 },
	} {
		s := brand.Default(brand.EU)
		edge(&s)
		require.NoError(t, s.Validate())
	}
}

func TestFiling(t *testing.T) {
	day := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02T15:04:05", text, brand.Seoul)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		mode  brand.FilingMode
		j     string
		start string
		now   string
		want  bool
	}{
		{brand.FilingRegistered, brand.KR, "2026-01-01T00:00:00", "2026-01-01T00:00:00", true},
		{brand.FilingRegistered, brand.KR, "2026-01-01T00:00:00", "2025-12-31T23:59:59", false},
		{brand.FilingSmallBusiness, brand.KR, "2026-01-15T10:00:00", "2026-01-15T09:59:59", false},
		{brand.FilingSmallBusiness, brand.KR, "2026-01-15T10:00:00", "2026-02-15T23:59:59", true},
		{brand.FilingSmallBusiness, brand.KR, "2026-01-15T10:00:00", "2026-02-16T00:00:00", false},
		{brand.FilingSmallBusiness, brand.KR, "2026-01-31T10:00:00", "2026-02-28T23:59:59", true},
		{brand.FilingSmallBusiness, brand.KR, "2026-01-31T10:00:00", "2026-03-01T00:00:00", false},
		{brand.FilingSmallBusiness, brand.KR, "2026-12-10T00:00:00", "2027-01-10T12:00:00", true},
		{brand.FilingOnDeviceOnly, brand.EU, "2026-01-01T00:00:00", "2026-02-01T00:00:00", false},
		{"", brand.KR, "2026-01-01T00:00:00", "2026-02-01T00:00:00", false},
		{"", "XX", "2026-01-01T00:00:00", "2026-02-01T00:00:00", false},
		{"", brand.EU, "2026-01-01T00:00:00", "2026-02-01T00:00:00", true},
		{"nonsense", brand.US, "2026-01-01T00:00:00", "2026-02-01T00:00:00", false},
	} {
		s := brand.Default(c.j)
		s.Filing = brand.Filing{Mode: c.mode, Number: "n", Date: day(c.start)}
		require.Equal(t, c.want, s.FilingAllows(day(c.now)), "%+v", c)
	}
	s := brand.Default(brand.KR)
	s.Filing = brand.Filing{Mode: brand.FilingRegistered}
	require.Equal(t, []string{"filing.number", "filing.date"}, fieldsOf(t, s.Validate()))
	require.False(t, s.FilingAllows(time.Now()))
}

func TestKeys(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, kind := range []brand.KeyKind{brand.AppKey, brand.APIKey} {
		k := brand.Key{ID: uuid.New(), Kind: kind}
		secret := brand.NewSecret(kind, k.ID)
		require.Regexp(t, `^wga(pp|pi)_[0-9A-Za-z]{65}$`, secret)
		k.Hash = brand.HashSecret(secret)
		gotKind, id, err := brand.ParseSecret(secret)
		require.NoError(t, err)
		require.Equal(t, []any{kind, k.ID}, []any{gotKind, id})
		require.NoError(t, k.Verify(secret, now))
		require.NotEqual(t, secret, brand.NewSecret(kind, k.ID))

		for i := range secret {
			bad := []byte(secret)
			bad[i] ^= 1
			require.ErrorIs(t, k.Verify(string(bad), now), brand.ErrKey)
		}
		fresh, err := k.Rotate(now, time.Hour)
		require.NoError(t, err)
		require.NoError(t, k.Verify(fresh, now))
		require.NoError(t, k.Verify(secret, now.Add(time.Hour-1)))
		require.ErrorIs(t, k.Verify(secret, now.Add(time.Hour)), brand.ErrKey)
		_, err = k.Rotate(now, 0)
		require.NoError(t, err)
		require.ErrorIs(t, k.Verify(fresh, now), brand.ErrKey, "no overlap asked for")
		k.RevokedAt = now.Add(5)
		fresh, _ = k.Rotate(now, 0)
		require.NoError(t, k.Verify(fresh, now.Add(4)))
		require.ErrorIs(t, k.Verify(fresh, now.Add(5)), brand.ErrKey)
		_, err = k.Rotate(now.Add(5), 0)
		require.Equal(t, []string{"id"}, fieldsOf(t, err))
		_, err = k.Rotate(now, brand.MaxOverlap+1)
		require.Equal(t, []string{"overlap"}, fieldsOf(t, err))
	}
	empty := brand.Key{Kind: brand.APIKey}
	require.ErrorIs(t, empty.Verify("", now), brand.ErrKey)
	require.ErrorIs(t, empty.Verify(brand.NewSecret(brand.APIKey, uuid.Nil), now), brand.ErrKey)
}

func TestScopes(t *testing.T) {
	mine, other := uuid.New(), uuid.New()
	all := brand.Key{Kind: brand.APIKey, Name: "owner", Scopes: []brand.Scope{brand.ScopeAll}}
	till := brand.Key{Kind: brand.APIKey, Name: "till", Scopes: []brand.Scope{brand.ScopeCouponsRedeem}, StoreIDs: []uuid.UUID{mine}}
	writer := brand.Key{Kind: brand.APIKey, Name: "w", Scopes: []brand.Scope{brand.ScopeStoresWrite}}
	app := brand.Key{Kind: brand.AppKey, Name: "app"}
	for _, k := range []brand.Key{all, till, writer, app} {
		require.NoError(t, k.Validate())
	}
	require.True(t, all.Allows(brand.ScopeBrandWrite, uuid.Nil))
	require.True(t, till.Allows(brand.ScopeCouponsRedeem, mine))
	require.False(t, till.Allows(brand.ScopeCouponsRedeem, other))
	require.False(t, till.Allows(brand.ScopeCouponsRedeem, uuid.Nil))
	require.False(t, till.Allows(brand.ScopeStoresRead, mine))
	require.True(t, writer.Allows(brand.ScopeStoresRead, other))
	require.False(t, writer.Has(brand.ScopeCampaignsRead))
	app.Scopes = []brand.Scope{brand.ScopeAll}
	require.False(t, app.Has(brand.ScopeStoresRead), "an app key has no scopes, whatever stands in its row")
	require.Equal(t, []string{"scopes"}, fieldsOf(t, app.Validate()))
	all.StoreIDs = []uuid.UUID{mine}
	require.Equal(t, []string{"store_ids"}, fieldsOf(t, all.Validate()))
	till.Scopes = append(till.Scopes, brand.ScopeKeysWrite)
	require.Equal(t, []string{"store_ids"}, fieldsOf(t, till.Validate()), "it could lift its own limit")
	for _, scope := range brand.Scopes() {
		if noun, writes := strings.CutSuffix(string(scope), ":write"); writes && scope != brand.ScopeEventsWrite { // nobody reads those
			require.Contains(t, brand.Scopes(), brand.Scope(noun+":read"))
			k := brand.Key{Kind: brand.APIKey, Scopes: []brand.Scope{scope}}
			require.True(t, k.Has(brand.Scope(noun+":read")), "writing includes reading")
		}
	}
	none := brand.Key{Kind: "x", Scopes: []brand.Scope{"root"}}
	require.Equal(t, []string{"kind", "name", "scopes[0]"}, fieldsOf(t, none.Validate()))
}

func FuzzParseSecret(f *testing.F) {
	f.Add(brand.NewSecret(brand.AppKey, uuid.New()))
	f.Add(brand.NewSecret(brand.APIKey, uuid.Max))
	f.Fuzz(func(t *testing.T, text string) {
		kind, id, err := brand.ParseSecret(text)
		if err != nil {
			return
		}
		again := brand.NewSecret(kind, id)
		require.Equal(t, text[:len("wgapp_")+22], again[:len("wgapp_")+22], "one spelling only")
	})
}

// pair holds keys that take time to make.
var pair = sync.OnceValue(func() (p struct {
	rsa, small *rsa.PrivateKey
	ec, p384   *ecdsa.PrivateKey
	ed         ed25519.PrivateKey
}) {
	p.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	p.small, _ = rsa.GenerateKey(rand.Reader, 1024)
	p.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, p.ed, _ = ed25519.GenerateKey(rand.Reader)
	return p
})

func privatePEM(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestCheckServiceAccount(t *testing.T) {
	good := map[string]string{
		"type": "service_account", "project_id": "cafe-on-1", "client_email": "push@cafe-on-1.iam.gserviceaccount.com",
		"private_key": privatePEM(t, pair().rsa), "token_uri": "https://oauth2.googleapis.com/token", "private_key_id": "x",
	}
	file := func(change map[string]string) []byte {
		all := map[string]string{}
		for k, v := range good {
			all[k] = v
		}
		for k, v := range change {
			all[k] = v
		}
		text, err := json.Marshal(all)
		require.NoError(t, err)
		return text
	}
	c, err := brand.CheckServiceAccount(file(nil))
	require.NoError(t, err)
	require.Equal(t, []any{pusher.FCM, "cafe-on-1", brand.Fingerprint(file(nil))}, []any{c.Provider, c.ProjectID, c.Fingerprint})
	require.Regexp(t, "^[0-9a-f]{16}$", c.Fingerprint)
	for _, uri := range []string{"http://127.0.0.1:9099/token", "http://localhost:1/t", "http://[::1]:1/t"} {
		_, err = brand.CheckServiceAccount(file(map[string]string{"token_uri": uri}))
		require.NoError(t, err, uri)
	}
	for _, c := range []struct{ key, value string }{
		{"type", "authorized_user"}, {"project_id", ""}, {"project_id", "a/b/../c"}, {"client_email", "nobody"},
		{"client_email", "X <a@b.c>"}, {"private_key", ""}, {"private_key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
		{"private_key", privatePEM(t, pair().ec)}, {"private_key", privatePEM(t, pair().small)},
		{"token_uri", "http://oauth2.googleapis.com/token"}, {"token_uri", "http://127.0.0.1.evil.example/"}, {"token_uri", "file:///etc/passwd"},
		{"token_uri", "http://user@127.0.0.1/"}, {"token_uri", ""},
	} {
		_, err := brand.CheckServiceAccount(file(map[string]string{c.key: c.value}))
		require.Equal(t, []string{"service_account." + c.key}, fieldsOf(t, err), c.value)
		require.NotContains(t, err.Error(), "AAAA")
	}
	for _, text := range []string{"", "null!", "[]", strings.Repeat(" ", 70_000)} {
		_, err := brand.CheckServiceAccount([]byte(text))
		require.Equal(t, []string{"service_account"}, fieldsOf(t, err))
	}
	_, err = brand.CheckServiceAccount([]byte("{}"))
	require.Len(t, fieldsOf(t, err), 5, "all faults together")
}

func TestCheckAPNsKey(t *testing.T) {
	p8 := []byte(privatePEM(t, pair().ec))
	c, err := brand.CheckAPNsKey(p8, "ABC123DEFG", "TEAM123456", "com.example.app", true)
	require.NoError(t, err)
	require.Equal(t, brand.Credential{Provider: pusher.APNs, KeyID: "ABC123DEFG", TeamID: "TEAM123456", Topic: "com.example.app", Sandbox: true, Fingerprint: brand.Fingerprint(p8)}, c)
	for field, try := range map[string]func() (brand.Credential, error){
		"p8": func() (brand.Credential, error) {
			return brand.CheckAPNsKey([]byte(privatePEM(t, pair().p384)), "ABC123DEFG", "TEAM123456", "com.a", false)
		},
		"key_id": func() (brand.Credential, error) { return brand.CheckAPNsKey(p8, "abc", "TEAM123456", "com.a", false) },
		"team_id": func() (brand.Credential, error) {
			return brand.CheckAPNsKey(p8, "ABC123DEFG", "TEAM12345\n", "com.a", false)
		},
		"topic": func() (brand.Credential, error) {
			return brand.CheckAPNsKey(p8, "ABC123DEFG", "TEAM123456", "com/a", false)
		},
	} {
		_, err := try()
		require.Equal(t, []string{field}, fieldsOf(t, err))
	}
	_, err = brand.CheckAPNsKey([]byte(privatePEM(t, pair().rsa)), "", "", "", false)
	require.Equal(t, []string{"p8", "key_id", "team_id", "topic"}, fieldsOf(t, err))
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte(`{"type":"service_account","project_id":"abcdef","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = brand.CheckServiceAccount(raw)
		_, _ = brand.CheckAPNsKey(raw, "ABC123DEFG", "TEAM123456", "com.a", false)
	})
}

func TestVerifyIdentity(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	device := uuid.New()
	rules := brand.IdentityRules{Device: device, Now: now, Keys: []brand.IdentifyKey{
		{KeyID: "r", Issuer: "https://cafe.example", Algorithm: "RS256", PublicKey: publicPEM(t, pair().rsa)},
		{KeyID: "e", Issuer: "https://cafe.example", Algorithm: "ES256", PublicKey: publicPEM(t, pair().ec)},
		{KeyID: "d", Issuer: "https://other.example", Algorithm: "EdDSA", PublicKey: publicPEM(t, pair().ed)},
	}}
	s := brand.Default(brand.KR)
	s.Identify = rules.Keys
	require.NoError(t, s.Validate())

	claims := func(change jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "https://cafe.example", "sub": "member-1", "exp": now.Add(time.Minute).Unix(), "name": "김하나", "locale": "ko"}
		for k, v := range change {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	sign := func(method jwt.SigningMethod, kid string, key any, c jwt.MapClaims) string {
		token := jwt.NewWithClaims(method, c)
		if kid != "" {
			token.Header["kid"] = kid
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	rs := func(change jwt.MapClaims) string {
		return sign(jwt.SigningMethodRS256, "r", pair().rsa, claims(change))
	}
	none := func(change jwt.MapClaims) string {
		return sign(jwt.SigningMethodNone, "", jwt.UnsafeAllowNoneSignatureType, claims(change))
	}
	for name, token := range map[string]string{
		"RS256": rs(nil), "ES256": sign(jwt.SigningMethodES256, "e", pair().ec, claims(nil)),
		"EdDSA":         sign(jwt.SigningMethodEdDSA, "d", pair().ed, claims(jwt.MapClaims{"iss": "https://other.example"})),
		"this device":   rs(jwt.MapClaims{"wantgo_device": device.String()}),
		"within leeway": rs(jwt.MapClaims{"exp": now.Add(-59 * time.Second).Unix()}),
	} {
		id, err := brand.VerifyIdentity(token, rules)
		require.NoError(t, err, name)
		require.Equal(t, brand.Identity{ExternalID: "member-1", Name: "김하나", Locale: "ko"}, id)
	}
	parts := strings.Split(rs(nil), ".")
	for name, c := range map[string]struct{ token, reason string }{
		"nothing":              {"", "not a JWT"},
		"too long":             {strings.Repeat("a", 9000), "too long"},
		"expired":              {rs(jwt.MapClaims{"exp": now.Add(-61 * time.Second).Unix()}), "expired"},
		"no exp":               {rs(jwt.MapClaims{"exp": nil}), "exp is missing"},
		"not yet":              {rs(jwt.MapClaims{"nbf": now.Add(2 * time.Minute).Unix()}), "not valid yet"},
		"from the future":      {rs(jwt.MapClaims{"iat": now.Add(2 * time.Minute).Unix()}), "future"},
		"other issuer":         {rs(jwt.MapClaims{"iss": "https://other.example"}), "iss"},
		"no issuer":            {rs(jwt.MapClaims{"iss": nil}), "iss"},
		"no sub":               {rs(jwt.MapClaims{"sub": nil}), "sub"},
		"sub with line break":  {rs(jwt.MapClaims{"sub": "a\nb"}), "sub"},
		"other device":         {rs(jwt.MapClaims{"wantgo_device": uuid.NewString()}), "another device"},
		"empty device":         {rs(jwt.MapClaims{"wantgo_device": ""}), "another device"},
		"unsigned":             {none(nil), "signature or algorithm"},
		"unknown kid":          {sign(jwt.SigningMethodRS256, "x", pair().rsa, claims(nil)), "not entered"},
		"no kid, several keys": {sign(jwt.SigningMethodRS256, "", pair().rsa, claims(nil)), "not entered"},
		"algorithm of its own": {sign(jwt.SigningMethodRS512, "r", pair().rsa, claims(nil)), "algorithm"},
		"kid of another kind":  {sign(jwt.SigningMethodES256, "r", pair().ec, claims(nil)), "not entered"},
		"HMAC with public key": {sign(jwt.SigningMethodHS256, "r", []byte(rules.Keys[0].PublicKey), claims(nil)), "algorithm"},
		"other body":           {parts[0] + "." + strings.Split(rs(jwt.MapClaims{"sub": "boss"}), ".")[1] + "." + parts[2], "signature"},
		"no signature":         {parts[0] + "." + parts[1] + ".", "signature"},
	} {
		id, err := brand.VerifyIdentity(c.token, rules)
		require.ErrorIs(t, err, brand.ErrIdentity, name)
		require.ErrorContains(t, err, c.reason, name)
		require.Zero(t, id)
	}
	demo := rules
	demo.AllowUnsigned, demo.Keys = true, nil
	id, err := brand.VerifyIdentity(none(nil), demo)
	require.NoError(t, err)
	require.Equal(t, "member-1", id.ExternalID)
	_, err = brand.VerifyIdentity(none(jwt.MapClaims{"exp": nil}), demo)
	require.ErrorContains(t, err, "exp")
	_, err = brand.VerifyIdentity(rs(nil), demo)
	require.ErrorIs(t, err, brand.ErrIdentity)
	_, err = brand.VerifyIdentity(none(nil), brand.IdentityRules{Device: device, Now: now})
	require.ErrorIs(t, err, brand.ErrIdentity, "no keys allow nothing, not everything")
	single := rules
	single.Keys = rules.Keys[:1]
	_, err = brand.VerifyIdentity(sign(jwt.SigningMethodRS256, "", pair().rsa, claims(nil)), single)
	require.NoError(t, err, "one key needs no kid")
}

func FuzzVerifyIdentity(f *testing.F) {
	rules := brand.IdentityRules{Now: time.Unix(1, 0), Keys: []brand.IdentifyKey{{KeyID: "e", Issuer: "i", Algorithm: "EdDSA", PublicKey: publicPEM(f, pair().ed)}}}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "i", "sub": "s", "exp": 100})
	text, err := token.SignedString(pair().ed)
	require.NoError(f, err)
	_, err = brand.VerifyIdentity(text, rules)
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, raw string) {
		if id, err := brand.VerifyIdentity(raw, rules); err == nil && (raw != text || id.ExternalID != "s") {
			t.Fatal("forged")
		}
	})
}
