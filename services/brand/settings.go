package brand

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
)

// The jurisdictions. An unknown one is treated as Korea, the strictest here.
const (
	KR = "KR"
	EU = "EU"
	US = "US"
)

// The ranges that settings stay in, whatever an operator wants.
const (
	MaxMargin         = 2 * time.Hour
	MinPlaceRetention = time.Hour
	MaxPlaceRetention = 72 * time.Hour
	MaxMinGap         = 7 * 24 * time.Hour
	MaxCapWindow      = 366 * 24 * time.Hour
	maxCaps           = 20
	maxIdentify       = 10
	maxLocales        = 50
)

// Default is what a new brand starts with. What only the brand can say (filing, sender) is left empty, so a new
// Korean brand takes no ping until it has filed.
func Default(jurisdiction string) Settings {
	s := Settings{
		Jurisdiction:     jurisdiction,
		TimeZone:         "UTC",
		Locale:           "en",
		OptOutText:       map[string]string{"en": "Opt out for free: app > settings > notifications"},
		Caps:             []cap.Cap{{Scope: cap.Brand, Limit: 3, Window: cap.Window{Calendar: cap.Day}}},
		MinGap:           10 * time.Minute,
		LongestCapWindow: cap.DefaultLongest,
		Presence:         presence.Defaults(presence.Standard),
		Device:           presence.DeviceDefaults(presence.Standard),
		PlaceRetention:   24 * time.Hour,
		QuietCloseMargin: 10 * time.Minute,
		QuietOpenMargin:  time.Minute,
	}
	if jurisdiction == KR {
		s.TimeZone, s.Locale = "Asia/Seoul", "ko"
		s.OptOutText["ko"] = "무료수신거부: 앱 > 설정 > 알림"
	}
	return s
}

// Validate returns every fault of the settings, or nil.
func (s *Settings) Validate() error {
	var vs Violations
	vs.Check(s.Jurisdiction == KR || s.Jurisdiction == EU || s.Jurisdiction == US, "jurisdiction", "must be KR, EU or US")
	s.Filing.validate(&vs)
	s.validateTexts(&vs)
	s.validateCaps(&vs)
	s.validateTimes(&vs)
	s.validatePresence(&vs)
	s.validateIdentify(&vs)
	s.validateDeclared(&vs)
	return vs.Err()
}

func (s *Settings) validateTexts(vs *Violations) {
	vs.Check(ValidTimeZone(s.TimeZone), "time_zone", "not an IANA time zone such as Asia/Seoul")
	vs.Check(ValidLocale(s.Locale), "locale", "not a BCP 47 locale such as ko or en-GB")
	vs.Check(PlainText(s.SenderName, 50), "sender_name", "must be plain text of at most 50 characters")
	vs.Check(PlainText(s.SenderContact, 100), "sender_contact", "must be plain text of at most 100 characters")
	vs.Check(len(s.OptOutText) <= maxLocales, "opt_out_text", "more than %d locales", maxLocales)
	for locale, text := range s.OptOutText {
		field := "opt_out_text." + clip(locale)
		vs.Check(ValidLocale(locale), field, "not a BCP 47 locale such as ko or en-GB")
		vs.Check(strings.TrimSpace(text) != "" && PlainText(text, 80), field, "must be plain text of 1 to 80 characters")
	}
}

func (s *Settings) validateCaps(vs *Violations) {
	// The zero value means the default; the ceiling bounds what must be kept of each person.
	vs.Check(s.LongestCapWindow == 0 || s.LongestCapWindow >= time.Hour && s.LongestCapWindow <= MaxCapWindow,
		"longest_cap_window", "must be 1 hour to %d days", MaxCapWindow/(24*time.Hour))
	vs.Check(len(s.Caps) <= maxCaps, "caps", "more than %d", maxCaps)
	for i, c := range s.Caps {
		if err := cap.Validate(c, s.LongestCapWindow); err != nil {
			vs.Add(fmt.Sprintf("caps[%d]", i), err.Error())
		}
	}
	vs.Check(s.MinGap >= 0 && s.MinGap <= MaxMinGap, "min_gap", "must be 0 to %v", MaxMinGap)
}

func (s *Settings) validateTimes(vs *Violations) {
	vs.Check(s.QuietCloseMargin >= 0 && s.QuietCloseMargin <= MaxMargin, "quiet_close_margin",
		"must be 0 to 120 minutes: the statutory night is never made shorter")
	vs.Check(s.QuietOpenMargin >= 0 && s.QuietOpenMargin <= MaxMargin, "quiet_open_margin",
		"must be 0 to 120 minutes: the statutory night is never made shorter")
	vs.Check(s.PlaceRetention >= MinPlaceRetention && s.PlaceRetention <= MaxPlaceRetention, "place_retention",
		"must be 1 to 72 hours")
}

func (s *Settings) validatePresence(vs *Violations) {
	if err := s.Presence.Check(); err != nil {
		vs.Add("presence", err.Error())
	}
	d := &s.Device
	vs.Check(d.Policy <= presence.Exact, "device.policy", "unknown")
	vs.Check(d.DefaultAccuracy > 0 && d.DefaultAccuracy <= 10_000, "device.default_accuracy", "must be above 0 and at most 10000 m")
	vs.Check(d.MaxAccuracy >= 0 && d.MaxAccuracy <= 100_000, "device.max_accuracy", "must be 0 (no limit) to 100000 m")
	vs.Check(d.MaxJumpSpeed >= 0 && d.MaxJumpSpeed <= 100_000, "device.max_jump_speed", "must be 0 (no limit) to 100000 m/s")
	vs.Check(d.Freshness >= 0 && d.Freshness <= 24*time.Hour, "device.freshness", "must be 0 (always fresh) to 24 hours")
}

func (s *Settings) validateIdentify(vs *Violations) {
	vs.Check(len(s.Identify) <= maxIdentify, "identify", "more than %d keys", maxIdentify)
	seen := map[string]bool{}
	for i := range s.Identify {
		k := &s.Identify[i]
		field := fmt.Sprintf("identify[%d].", i)
		vs.Check(k.KeyID != "" && PlainText(k.KeyID, 100), field+"key_id", "must be plain text of 1 to 100 characters")
		vs.Check(!seen[k.KeyID], field+"key_id", "twice")
		seen[k.KeyID] = true
		vs.Check(k.Issuer != "" && PlainText(k.Issuer, 200), field+"issuer", "must be plain text of 1 to 200 characters")
		if _, known := algorithms[k.Algorithm]; !known {
			vs.Add(field+"algorithm", "must be RS256, ES256 or EdDSA")
		} else if _, err := k.publicKey(); err != nil {
			vs.Add(field+"public_key", err.Error())
		}
	}
}

// ValidTimeZone tells whether name is an IANA time zone of this build. The empty name and "Local" are not.
func ValidTimeZone(name string) bool {
	_, err := cap.Zone(name)
	return err == nil
}

// ValidLocale tells whether text is a well-formed BCP 47 locale.
func ValidLocale(text string) bool {
	if text == "" || len(text) > 35 {
		return false
	}
	_, err := language.Parse(text)
	return err == nil
}

// PlainText tells whether text is UTF-8 of at most limit characters without control characters.
func PlainText(text string, limit int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= limit && strings.IndexFunc(text, unicode.IsControl) < 0
}

// clip shortens foreign text for a field's name.
func clip(text string) string {
	if len(text) > 40 {
		text = text[:40]
	}
	return strings.ToValidUTF8(text, "?")
}
