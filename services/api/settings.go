package api

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
)

// The limits on a ping's time, which are the same for every brand in this version.
const (
	futureLimit = 2 * time.Minute
	ageLimit    = 24 * time.Hour
)

// The night of the law; a brand's quiet hours only ever widen it.
const (
	nightStart = 21 * time.Hour
	nightEnd   = 8 * time.Hour
)

var filingModes = map[v1.Filing_Mode]brand.FilingMode{
	v1.Filing_REGISTERED: brand.FilingRegistered, v1.Filing_SMALL_BUSINESS: brand.FilingSmallBusiness,
	v1.Filing_ON_DEVICE_ONLY: brand.FilingOnDeviceOnly, v1.Filing_NOT_REQUIRED: "",
}

// settingNames are the domain's field names as the contract has them.
var settingNames = fieldNames{
	prefix: "brand.settings.",
	names: map[string]string{
		"opt_out_text": "opt_out_texts", "min_gap": "minimum_gap", "longest_cap_window": "longest_cap_days",
		"quiet_close_margin": "quiet_hours.close_margin_minutes", "quiet_open_margin": "quiet_hours.open_margin_minutes",
		"place_retention": "place_retention_hours", "identify": "identify.keys", "device": "presence", "name": "display_name",
	},
	reasons: map[string]v1.ErrorReason_Code{
		"time_zone": v1.ErrorReason_TIME_ZONE_UNKNOWN, "locale": v1.ErrorReason_LOCALE_INVALID,
	},
}

// settingsFrom reads settings over those there are: what the contract does not name stays. a finds the stores they name.
func settingsFrom(given *v1.BrandSettings, base *brand.Brand, a CampaignSetting) (*brand.Brand, error) {
	b, fs := *base, faults{}
	s := &b.Settings
	b.Name = given.GetDisplayName()
	s.Jurisdiction = orText(given.GetJurisdiction(), brand.KR)
	s.TimeZone, s.Locale = orText(given.GetTimeZone(), "Asia/Seoul"), orText(given.GetLocale(), "ko")
	s.SenderName, s.SenderContact = given.GetSenderName(), given.GetSenderContact()
	s.OptOutText = maps.Clone(given.GetOptOutTexts())
	s.Caps = capsFrom(given.GetCaps(), "brand.settings.caps", &fs)
	s.MinGap = duration(given.GetMinimumGap(), 10*time.Minute)
	s.LongestCapWindow = cap.DefaultLongest
	if days := given.GetLongestCapDays(); days > 0 {
		s.LongestCapWindow = time.Duration(days) * 24 * time.Hour
	}
	s.PlaceRetention = 24 * time.Hour
	if hours := given.GetPlaceRetentionHours(); hours > 0 {
		s.PlaceRetention = time.Duration(hours) * time.Hour
	}
	s.Presence, s.Device = presenceFrom(given.GetPresence(), given.GetMockPolicy())
	quietFrom(given.GetQuietHours(), s, &fs)
	identifyFrom(given.GetIdentify(), s, &fs)
	filingFrom(given.GetFiling(), s, &fs)
	a.declaredFrom(given, s, &fs)
	fs.unsupported(duration(given.GetFutureLimit(), futureLimit) != futureLimit, "brand.settings.future_limit", "2 minutes only")
	fs.unsupported(duration(given.GetAgeLimit(), ageLimit) != ageLimit, "brand.settings.age_limit", "24 hours only")
	if age := int(given.GetMinimumAge()); age != 0 && age < s.MinAge() {
		fs.add("brand.settings.minimum_age", v1.ErrorReason_SETTING_BELOW_FLOOR, "lower than the jurisdiction's", "floor", fmt.Sprint(s.MinAge()))
	} else {
		fs.unsupported(age > s.MinAge(), "brand.settings.minimum_age", "the jurisdiction's only")
	}
	fs = append(fs, faultsOf(s.Validate(), settingNames)...)
	return &b, fs.err()
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func filingFrom(given *v1.Filing, s *brand.Settings, fs *faults) {
	s.Filing = brand.Filing{Mode: filingModes[given.GetMode()], Number: given.GetNumber()}
	if given.GetMode() == v1.Filing_NOT_REQUIRED && s.Jurisdiction == brand.KR {
		fs.add("brand.settings.filing.mode", v1.ErrorReason_SETTING_BELOW_FLOOR, "the jurisdiction asks for a filing", "floor", "a filing")
	}
	if given.GetDate() == "" {
		return
	}
	date, err := time.ParseInLocation(time.DateOnly, given.GetDate(), s.Zone())
	if err != nil {
		fs.add("brand.settings.filing.date", v1.ErrorReason_INVALID_FIELD, "no such day")
		return
	}
	s.Filing.Date = date
}

// quietFrom turns quiet hours into the margins by which they are wider than the night.
func quietFrom(given *v1.QuietHours, s *brand.Settings, fs *faults) {
	s.QuietCloseMargin, s.QuietOpenMargin = cap.DefaultCloseMargin, cap.DefaultOpenMargin
	if given == nil {
		return
	}
	if given.CloseMarginMinutes != nil {
		s.QuietCloseMargin = time.Duration(given.GetCloseMarginMinutes()) * time.Minute
	}
	if given.OpenMarginMinutes != nil {
		s.QuietOpenMargin = time.Duration(given.GetOpenMarginMinutes()) * time.Minute
	}
	start, end := clockOr(given.GetStart(), nightStart), clockOr(given.GetEnd(), nightEnd)
	if start > nightStart || start < 12*time.Hour {
		fs.add("brand.settings.quiet_hours.start", v1.ErrorReason_SETTING_BELOW_FLOOR, "later than the night begins", "floor", "21:00")
	}
	if end < nightEnd || end > 12*time.Hour {
		fs.add("brand.settings.quiet_hours.end", v1.ErrorReason_SETTING_BELOW_FLOOR, "earlier than the night ends", "floor", "08:00")
	}
	s.QuietCloseMargin += nightStart - start
	s.QuietOpenMargin += end - nightEnd
}

// clockOr reads "HH:MM", whose form the contract has checked.
func clockOr(text string, otherwise time.Duration) time.Duration {
	minute, ok := minuteOf(text)
	if !ok {
		return otherwise
	}
	return time.Duration(minute) * time.Minute
}

// identifyFrom reads the keys of identity tokens; the algorithm is the key's kind.
func identifyFrom(given *v1.IdentifySettings, s *brand.Settings, fs *faults) {
	s.Identify = nil
	fs.unsupported(given.GetAudience() != "", "brand.settings.identify.audience", "the audience is not checked")
	for i, k := range given.GetKeys() {
		algorithm := algorithmOf(k.GetPublicKeyPem())
		if algorithm == "" {
			fs.add(fmt.Sprintf("brand.settings.identify.keys[%d].public_key_pem", i), v1.ErrorReason_INVALID_FIELD,
				"not a PEM public key (PKIX) of RSA, EC P-256 or Ed25519")
			continue
		}
		s.Identify = append(s.Identify, brand.IdentifyKey{
			KeyID: k.GetId(), Issuer: given.GetIssuer(), Algorithm: algorithm, PublicKey: k.GetPublicKeyPem(),
		})
	}
}

func algorithmOf(text string) string {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return ""
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return ""
	}
	switch key.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		return "ES256"
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// settingsTo writes settings with every default spelled out.
func (s *Server) settingsTo(b *brand.Brand) *v1.BrandSettings {
	set := &b.Settings
	out := &v1.BrandSettings{
		DisplayName: b.Name, Jurisdiction: set.Jurisdiction, TimeZone: set.TimeZone, Locale: set.Locale,
		SenderName: set.SenderName, SenderContact: set.SenderContact, OptOutTexts: maps.Clone(set.OptOutText),
		Caps: capsTo(set.Caps), MinimumGap: durationpb.New(set.MinGap), Presence: presenceTo(set.Presence, &set.Device),
		MockPolicy: v1.BrandSettings_ACCEPT, PlaceRetentionHours: int32(set.PlaceRetention / time.Hour),
		LongestCapDays: int32(set.LongestCapWindow / (24 * time.Hour)), MinimumAge: int32(set.MinAge()),
		FutureLimit: durationpb.New(futureLimit), AgeLimit: durationpb.New(ageLimit),
		QuietHours: quietTo(set), Filing: filingTo(set), Identify: s.identifyTo(set),
	}
	s.declaredTo(b, out)
	if set.Device.RefuseMock {
		out.MockPolicy = v1.BrandSettings_REFUSE
	}
	return out
}

func quietTo(s *brand.Settings) *v1.QuietHours {
	beforeNight, afterNight := int32(s.QuietCloseMargin/time.Minute), int32(s.QuietOpenMargin/time.Minute)
	return &v1.QuietHours{Start: "21:00", End: "08:00", CloseMarginMinutes: &beforeNight, OpenMarginMinutes: &afterNight}
}

func filingTo(s *brand.Settings) *v1.Filing {
	f := &v1.Filing{Mode: keyOf(filingModes, s.Filing.Mode), Number: s.Filing.Number}
	if s.Filing.Mode == "" && s.Jurisdiction == brand.KR {
		return nil
	}
	if !s.Filing.Date.IsZero() {
		f.Date = s.Filing.Date.In(s.Zone()).Format(time.DateOnly)
	}
	return f
}

func (s *Server) identifyTo(set *brand.Settings) *v1.IdentifySettings {
	if len(set.Identify) == 0 && !s.unsigned {
		return nil
	}
	out := &v1.IdentifySettings{UnsignedAllowed: s.unsigned}
	for _, k := range set.Identify {
		out.Issuer = k.Issuer
		out.Keys = append(out.Keys, &v1.IdentifySettings_Key{Id: k.KeyID, PublicKeyPem: strings.TrimSpace(k.PublicKey) + "\n"})
	}
	return out
}
