package demo

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// brandName is the invented brand.
const brandName = "모락별 Morakbyeol (wantgo demo)"

// demoBrand is the demo's tenant; its id is always the same, so that a kept directory is found again.
var demoBrand = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/wantgo/wantgo/demo"))

// dwellTime is how long a visit must last for the second campaign.
const dwellTime = 10 * time.Second

// settings are the demo brand's: evidence for a change is collected in three good pings and the way out is short, so
// that half a minute of walking has something to show. A real brand keeps the defaults.
func settings() brand.Settings {
	s := brand.Default(brand.KR)
	s.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "demo-0000", Date: time.Date(2025, 1, 1, 0, 0, 0, 0, brand.Seoul)}
	s.SenderName, s.SenderContact = "모락별", "080-000-0000"
	s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Calendar: cap.Day}}}
	s.MinGap = 5 * time.Second
	s.Presence.Surety, s.Presence.ExitMargin = 9, 10
	return s
}

// campaigns are the demo's three, on every store. stock is how many coupons the first has to give.
func campaigns(brandID uuid.UUID, stock int64) []campaign.Campaign {
	id := func(kind, name string) uuid.UUID { return uuid.NewSHA1(brandID, []byte(kind+"/"+name)) }
	list := []campaign.Campaign{hello(stock), treat(), goodbye()}
	for i := range list {
		c := &list[i]
		c.ID, c.State, c.Category = id("campaign", c.ExternalID), campaign.Live, campaign.Ad
		c.DeepLink = "morakbyeol://campaign/" + c.ExternalID
		if c.Offer != nil {
			c.Offer.ID = id("offer", c.ExternalID)
		}
	}
	return list
}

// hello greets who comes near, while coupons last, once a day.
func hello(stock int64) campaign.Campaign {
	return campaign.Campaign{
		ExternalID: "hello-nearby", Name: "Hello nearby", Priority: 10,
		Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Purposes: []store.Purpose{store.Near}},
		Caps:    []cap.Cap{{Scope: cap.Campaign, Limit: 1, Window: cap.Window{Calendar: cap.Day}}},
		Offer: &campaign.Offer{Titles: map[string]string{"ko": "아메리카노 30% 할인", "en": "30% off an americano"},
			Stock: stock, PerPerson: 1, Validity: 2 * time.Hour},
		Texts: map[string]campaign.Text{
			"ko": {Title: "{store}이 바로 근처예요", Body: "{offer} 쿠폰을 드려요. 코드 {coupon_code}, {expires}까지"},
			"en": {Title: "{store} is close by", Body: "Here is {offer}: code {coupon_code}, until {expires}"},
		},
	}
}

// treat thanks who stays.
func treat() campaign.Campaign {
	return campaign.Campaign{
		ExternalID: "stay-a-while", Name: "Stay a while", Priority: 20,
		Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Dwelled}, Dwell: dwellTime, Purposes: []store.Purpose{store.Visit}},
		Offer: &campaign.Offer{Titles: map[string]string{"ko": "쿠키 한 개", "en": "a cookie"},
			PerPerson: 1, Validity: time.Hour, AnyStore: true},
		Texts: map[string]campaign.Text{
			"ko": {Title: "잘 쉬고 계신가요?", Body: "{store}에서 {offer}를 드려요. 코드 {coupon_code}"},
			"en": {Title: "Enjoying your stay?", Body: "{store} has {offer} for you: code {coupon_code}"},
		},
	}
}

// goodbye is a notice without a coupon to who leaves, while the store is open.
func goodbye() campaign.Campaign {
	return campaign.Campaign{
		ExternalID: "see-you", Name: "See you", Priority: 5, Cooldown: time.Hour, OpenOnly: true,
		Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Exited}, Purposes: []store.Purpose{store.Visit}},
		Texts: map[string]campaign.Text{
			"ko": {Title: "또 오세요", Body: "{store}은 내일도 열려 있어요."},
			"en": {Title: "See you again", Body: "{store} is open tomorrow, too."},
		},
	}
}
