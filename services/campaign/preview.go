package campaign

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// previewCode stands for a coupon's code in a preview.
const previewCode = "000000000000"

// PreviewOf is whom and what a preview is for. What is empty is unknown, as it may be of a real moment.
type PreviewOf struct {
	Campaign *Campaign
	Variant  *Variant
	Brand    *brand.Brand
	Store    *store.Store
	Item     *item.Item
	Keyword  string
	Profile  *audience.Profile
	Locale   string
	Now      time.Time
}

// Preview renders what a person would read, with a made-up coupon. Nothing is issued. The error is a *TextError.
func Preview(p PreviewOf) (Shown, error) {
	sc := Scene{
		Campaign: p.Campaign, Variant: p.Variant, Brand: p.Brand, Store: p.Store, Item: p.Item, Keyword: p.Keyword, Profile: p.Profile,
		Locale: p.Locale, Now: p.Now, Zone: firstZone(p.Brand.Settings.TimeZone),
	}
	if p.Store != nil {
		sc.Zone = firstZone(p.Store.TimeZone, p.Brand.Settings.TimeZone)
	}
	if p.Profile != nil {
		sc.Zone = firstZone(p.Profile.TimeZone, sc.Zone.String())
		sc.Test = p.Profile.Test
	}
	if o := p.Campaign.Offer; o != nil {
		sc.Coupon = &Coupon{Code: previewCode, ExpiresAt: o.expiry(p.Now)}
	}
	return Render(sc)
}

// Platform is how much of a notification one platform shows while it is collapsed, in characters. It depends on the phone, its
// font and its language: these are for a Korean phone of middle size, and advice.
type Platform struct {
	Name        string // as devices call it
	Title, Body int    // 0: shown whole
}

// Platforms are those that notifications go to.
func Platforms() []Platform {
	return []Platform{{"android", 32, 42}, {"ios", 28, 72}, {"web", 32, 80}}
}

// Room is what a text takes on a platform.
type Room struct {
	Platform
	TitleCharacters, BodyCharacters int
	// Bytes is what the notification takes as JSON, without the provider's envelope; of MaxBytes.
	Bytes, MaxBytes int
}

// Cut tells whether the collapsed notification leaves something of title or body out.
func (r *Room) Cut() (title, body bool) {
	return r.Title > 0 && r.TitleCharacters > r.Title, r.Body > 0 && r.BodyCharacters > r.Body
}

// TooLarge tells a notification that no provider would take.
func (r *Room) TooLarge() bool { return r.Bytes > r.MaxBytes }

// RoomOf measures what is shown on each platform. The ids that a real notification carries are counted in.
func RoomOf(p PreviewOf, shown Shown) []Room {
	id := uuid.Max
	j := judged{View: &View{Brand: p.Brand, Profile: p.Profile}, campaign: p.Campaign, moment: &Moment{Store: p.Store}, deadline: p.Now}
	if p.Campaign.Offer != nil {
		j.coupon = &Coupon{ID: id}
	}
	note := &pusher.Notification{
		ID: id, Title: shown.Title, Body: shown.Body, ImageURL: shown.ImageURL, DeepLink: shown.DeepLink,
		Category: string(p.Campaign.class()), CollapseKey: id.String(), Data: j.data(id, shown.DeepLink),
	}
	size, err := json.Marshal(note)
	if err != nil {
		return nil
	}
	var rooms []Room
	for _, on := range Platforms() {
		rooms = append(rooms, Room{on, utf8.RuneCountInString(shown.Title), utf8.RuneCountInString(shown.Body), len(size), maxNotification})
	}
	return rooms
}
