package expression

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

var noon = time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)

func settings() *brand.Settings {
	return &brand.Settings{
		Attributes: []brand.Attribute{
			{Name: "city", Type: brand.TypeString}, {Name: "points", Type: brand.TypeNumber}, {Name: "vip", Type: brand.TypeBool},
			{Name: "joined", Type: brand.TypeDate}, {Name: "likes", Type: brand.TypeList}, {Name: "odd", Type: "matrix"},
			{Name: "staff", Type: brand.TypeString},
		},
		EventTypes: []brand.EventType{
			{Name: "quiz", Kind: "task", Properties: []brand.Attribute{{Name: "score", Type: brand.TypeNumber}, {Name: "mixed", Type: brand.TypeNumber}}},
			{Name: "video", Kind: "content", Properties: []brand.Attribute{{Name: "title", Type: brand.TypeString}, {Name: "mixed", Type: brand.TypeString}}},
		},
	}
}

// known is an input of which everything is known.
func known() *Input {
	return &Input{
		Person: &audience.Profile{
			Tier: "gold", Locale: "ko-KR", BirthDate: "2000-05-13", FavouriteStore: "s-1",
			Attributes: map[string]any{"city": "Seoul", "points": 120.0, "vip": true, "joined": "2025-01-31", "likes": []any{"latte", "tea"}},
			Purchases:  &audience.Purchases{Count: 3, Last: noon.Add(-48 * time.Hour), Amount: map[string]float64{"KRW": 54000}},
		},
		Lists: func() []string { return []string{"regulars"} },
		Store: &store.Store{ExternalID: "s-1", Names: map[string]string{"": "City Hall"}, Tags: []string{"cafe"}, District: "Jung-gu", Chain: "on"},
		Moment: &Moment{
			Kind: "viewed", Way: "know", Type: "quiz", Keyword: "latte", Quantity: 2, Amount: 9000, Currency: "KRW", Distance: 12,
			Foreground: true, Properties: map[string]any{"score": 7.0, "mixed": "x"},
			Item: &item.Item{ExternalID: "i-1", Category: "coffee", Keywords: []string{"latte"}, Price: 4500, Currency: "KRW"},
		},
		Now:    noon,
		Visits: func(anywhere bool, days int) (int, bool) { return days, anywhere || days < 10 },
	}
}

// blank is an input of which nothing is known.
func blank() *Input { return &Input{Person: &audience.Profile{}, Now: noon} }

func TestHolds(t *testing.T) {
	schema := NewSchema(settings())
	for _, c := range []struct {
		source string
		blank  string // what a blank input makes of it: "true", "false", or what is missing
	}{
		{`person.tier == "gold"`, "person.tier"},
		{`person.tier != "silver"`, "person.tier"},
		{`!(person.tier == "silver")`, "person.tier"},
		{`has(person.tier) && person.tier == "gold"`, "false"},
		{`!has(person.tier) || person.tier == "gold"`, "true"},
		{`person.tier in ["gold", "platinum"]`, "person.tier"},
		{`!(person.tier in ["silver"])`, "person.tier"},
		{`person.city.startsWith("Se") || person.staff`, "person.city"},
		{`!person.staff`, "true"},
		{`person.points >= 100`, "person.points"},
		{`!(person.points > 1000.5)`, "person.points"},
		{`person.vip`, "person.vip"},
		{`person.vip ? true : false`, "person.vip"},
		{`person.joined < timestamp("2025-02-01T00:00:00Z")`, "person.joined"},
		{`now - person.joined > duration("720h")`, "person.joined"},
		{`person.likes.exists(l, l == "tea")`, "person.likes"},
		{`person.likes.all(l, l != "rum")`, "person.likes"},
		{`"regulars" in person.segments`, "person.segments"},
		{`!("banned" in person.segments)`, "person.segments"},
		{`person.age >= 19`, "person.age"},
		{`person.age == 26`, "person.age"},
		{`person.purchases.count > 2`, "false"},
		{`person.purchases.count != 0`, "false"},
		{`person.purchases.amount["KRW"] > 50000.0`, "no such key: KRW"},
		{`now - person.purchases.last < duration("72h")`, "person.purchases.last"},
		{`person.visits(30) == 30`, "person.visits"},
		{`person.visits_here(7) < 8`, "person.visits"},
		{`!(person.visits(30) > 90)`, "person.visits"},
		{`person.favourite_store == store.external_id`, "person.favourite_store"},
		{`store.district == "Jung-gu" && "cafe" in store.tags`, "store.district"},
		{`!("bar" in store.tags)`, "store.tags"},
		{`store.name.contains("City") && store.chain != "off"`, "store.name"},
		{`moment.kind == "viewed" && moment.way == "know"`, "moment.kind"},
		{`moment.item.price * 2.0 <= moment.amount && moment.item.category == moment.category`, "moment.item"},
		{`moment.quantity >= 2 && moment.keyword.size() == 5`, "moment.quantity"},
		{`moment.properties.score > 5`, "moment.properties"},
		{`moment.properties.mixed == "x"`, "moment.properties"},
		{`moment.distance_meters < 20.0 && moment.foreground`, "moment.distance_meters"},
		{`now.getHours("Asia/Seoul") == 12`, "true"},
		{`[person].exists(p, p.tier == "gold")`, "person.tier"},
	} {
		program, err := schema.Compile(Audience, c.source)
		require.NoError(t, err, c.source)
		holds, err := program.Holds(known())
		require.NoError(t, err, c.source)
		require.True(t, holds, c.source)

		holds, err = program.Holds(blank())
		answer := fmt.Sprint(holds)
		if err != nil {
			answer = strings.TrimSuffix(err.Error(), " is not known")
			require.False(t, holds, c.source)
		}
		require.Equal(t, c.blank, answer, c.source)
	}
}

// What a kind of moment does not have is not known of it, other than nought.
func TestMomentsOfWhichLittleIsKnown(t *testing.T) {
	schema := NewSchema(settings())
	in := &Input{Moment: &Moment{Kind: "entered", Distance: -1}, Now: noon}
	for _, field := range []string{"amount", "quantity", "stayed", "lingered", "distance_meters", "keyword", "type", "item", "category", "fence_tags", "purpose", "currency"} {
		p, err := schema.Compile(Filter, "has(moment."+field+")")
		require.NoError(t, err)
		holds, err := p.Holds(in)
		require.NoError(t, err)
		require.False(t, holds, field)
	}
}

func TestFaultsHaveTheirPosition(t *testing.T) {
	schema := NewSchema(settings())
	for _, c := range []struct {
		scope        Scope
		source       string
		line, column int
		text         string
	}{
		{Audience, `person.teir == "gold"`, 1, 7, "undefined field 'teir'"},
		{Audience, "person.vip &&\n  person.city == 3", 2, 15, "no matching overload"},
		{Audience, `person.points == 5`, 1, 15, "5.0, not 5"},
		{Audience, `person.city ==`, 1, 15, "Syntax error"},
		{Audience, `person.points`, 1, 1, "gives double; want true or false"},
		{Audience, `   `, 1, 1, "says nothing"},
		{Audience, "\xff", 1, 1, "not valid UTF-8"},
		{Audience, strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100), 1, 1, "recursion"},
		{Audience, strings.Repeat(" ", MaxLength) + "true", 1, 1, "at most 4000"},
		{Audience, `person.city.matches("(")`, 1, 21, "invalid matches argument"},
		{Audience, `now < timestamp("tomorrow")`, 1, 17, "invalid timestamp"},
		{Audience, `person.likes.exists(a, person.likes.exists(b, person.likes.exists(c, a == b + c)))`, 1, 66, "nesting"},
		{Audience, `person.likes.exists(a, person.likes.exists(b, person.city.contains(a + b)))`, 1, 1, "may cost"},
		{Audience, `person.odd == 1`, 1, 7, "undefined field"},
		{Audience, `a person{}`, 1, 3, "Syntax error"},
		{Filter, `person.vip`, 1, 1, "undeclared reference to 'person'"},
		{Segment, `store.chain == "on"`, 1, 1, "undeclared reference to 'store'"},
		{Segment, `person.visits(30) > 1`, 1, 14, "undeclared reference to 'visits'"},
	} {
		faults := schema.Check(c.scope, c.source)
		require.NotEmpty(t, faults, c.source)
		require.Equal(t, [2]int{c.line, c.column}, [2]int{faults[0].Line, faults[0].Column}, "%s: %s", c.source, faults[0].Text)
		require.Contains(t, faults[0].Text, c.text, c.source)
		_, err := schema.Compile(c.scope, c.source)
		require.Error(t, err)
	}
	require.Empty(t, schema.Check(Segment, `person.vip && now > person.joined`))
	require.Empty(t, schema.Check(Filter, `moment.properties.score > 3.0 && has(store.name)`))
}

func TestWhatIsRead(t *testing.T) {
	schema := NewSchema(settings())
	for _, c := range []struct {
		source                          string
		profiles, visits, store, moment bool
	}{
		{`person.staff && person.locale == "ko" && person.favourite_store == "x"`, false, false, false, false},
		{`person.city == "x"`, true, false, false, false},
		{`has(person.city)`, true, false, false, false},
		{`[person].exists(p, p.tier == "x")`, true, false, false, false},
		{`person.purchases.count > 1`, true, false, false, false},
		{`person.visits(3) > 1`, false, true, false, false},
		{`person.visits_here(3) > 1`, false, true, true, false},
		{`store.chain == "x" || moment.foreground`, false, false, true, true},
		{`now > timestamp("2026-01-01T00:00:00Z")`, false, false, false, false},
	} {
		p, err := schema.Compile(Audience, c.source)
		require.NoError(t, err)
		require.Equal(t, [4]bool{c.profiles, c.visits, c.store, c.moment}, [4]bool{p.Profiles, p.Visits, p.Store, p.Moment}, c.source)
	}
}

// What is declared for everybody is not what a brand makes of the name, and a value of another type than declared is not
// known.
func TestDeclarations(t *testing.T) {
	schema := NewSchema(settings())
	p, err := schema.Compile(Audience, `person.staff == true`)
	require.NoError(t, err)
	in := known()
	in.Person.Staff = true
	holds, err := p.Holds(in)
	require.NoError(t, err)
	require.True(t, holds)

	for name, value := range map[string]any{"city": 3.0, "points": "many", "vip": "yes", "joined": "31.1.2025", "likes": []any{1}} {
		p, err := schema.Compile(Audience, fmt.Sprintf("has(person.%s)", name))
		require.NoError(t, err)
		in := known()
		in.Person.Attributes[name] = value
		holds, err := p.Holds(in)
		require.NoError(t, err)
		require.False(t, holds, name)
	}
}

func TestWhatIsTooDearIsUndecided(t *testing.T) {
	schema := NewSchema(settings())
	p, err := schema.Compile(Audience, `person.likes.all(a, person.likes.all(b, a != b || a == b))`)
	require.NoError(t, err)
	in := known()
	holds, err := p.Holds(in)
	require.NoError(t, err)
	require.True(t, holds)
	long := make([]string, 10_000)
	in.Person.Attributes["likes"] = long
	holds, err = p.Holds(in)
	require.ErrorContains(t, err, "cost limit")
	require.False(t, holds)
}

func FuzzExpression(f *testing.F) {
	for _, source := range []string{
		`person.tier == "gold"`, `store.tags.exists(t, t in person.likes)`, `moment.properties.mixed == 1 || person.visits(3) / 0 > 1`,
		`{"a": person}["b"].tier == ""`, `type(person) == type(store)`, `dyn(person).tier == "x"`, `[person, 1, store][0] == person`,
		`person == person`, `timestamp(person.city) > now`, `person.city.matches(person.city)`, `now.getHours(person.city) > 1`,
		`person.likes.map(l, [l, l]).filter(x, x.size() > 9223372036854775807 - 1) == []`, `duration("1h") + now > now`,
	} {
		f.Add(source)
	}
	schema := NewSchema(settings())
	f.Fuzz(func(t *testing.T, source string) {
		for scope := Audience; scope < scopes; scope++ {
			faults := schema.Check(scope, source)
			p, err := schema.Compile(scope, source)
			require.Equal(t, err == nil, len(faults) == 0)
			for _, fault := range faults {
				require.Positive(t, fault.Line)
				require.Positive(t, fault.Column)
				require.NotEmpty(t, fault.Text)
			}
			if err != nil {
				continue
			}
			for _, in := range []*Input{known(), blank(), {Now: noon}} {
				if holds, err := p.Holds(in); err != nil {
					require.False(t, holds)
					require.NotContains(t, err.Error(), "internal error", "%s panics", source)
				}
			}
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	schema := NewSchema(settings())
	for _, source := range []string{
		`person.tier == "gold"`,
		`person.city == "Seoul" && person.points > 100.0 && moment.kind in ["entered", "viewed"] && !("bar" in store.tags)`,
		`person.likes.exists(l, l in store.tags) || person.vip`,
	} {
		p, err := schema.Compile(Audience, source)
		require.NoError(b, err)
		in := known()
		b.Run(source, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Holds(in)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	schema := NewSchema(settings())
	for b.Loop() {
		_, _ = schema.Compile(Audience, `person.city == "Seoul" && person.points > 100.0`)
	}
}
