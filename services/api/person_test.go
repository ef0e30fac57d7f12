package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/korean"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// knowing declares attributes and topics.
func knowing(s *brand.Settings) {
	s.Attributes = []brand.Attribute{{Name: "points", Type: brand.TypeNumber}, {Name: "nick", Type: brand.TypeString}, {Name: "vegan", Type: brand.TypeBool},
		{Name: "joined", Type: brand.TypeDate}, {Name: "likes", Type: brand.TypeList}}
	s.Topics = []string{"coffee", "cake"}
}

func attributesOf(t *testing.T, m map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(m)
	require.NoError(t, err)
	return s
}

func (tn *tenant) people() v1.PersonServiceClient { return v1.NewPersonServiceClient(tn.f.conn) }

func (tn *tenant) person(externalID string) *v1.Person {
	tn.f.t.Helper()
	r, err := tn.people().UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: &v1.Person{ExternalId: externalID}})
	require.NoError(tn.f.t, err)
	return r.GetPerson()
}

func (tn *tenant) get(externalID string) *v1.Person {
	tn.f.t.Helper()
	r, err := tn.people().GetPerson(tn.server(), &v1.GetPersonRequest{Key: &v1.GetPersonRequest_ExternalId{ExternalId: externalID}})
	require.NoError(tn.f.t, err)
	return r.GetPerson()
}

func TestUpsertPerson(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	people := tn.people()
	given := &v1.Person{ExternalId: "m1", Tier: "gold", Staff: true, Locale: "ko", TimeZone: "Asia/Seoul", BirthDate: "1990-02-28", FavouriteStoreExternalId: "s9",
		Attributes: attributesOf(t, map[string]any{"points": 12.5, "nick": "라떼", "vegan": true, "joined": "2020-01-31", "likes": []any{"latte", "cake"}})}
	dry, err := people.UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: given, ValidateOnly: true})
	require.NoError(t, err)
	require.True(t, dry.GetCreated())
	require.Empty(t, dry.GetPerson().GetId())
	_, err = people.GetPerson(tn.server(), &v1.GetPersonRequest{Key: &v1.GetPersonRequest_ExternalId{ExternalId: "m1"}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND)

	request := &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: given}
	made, err := people.UpsertPerson(tn.server(), request)
	require.NoError(t, err)
	require.True(t, made.GetCreated())
	again, err := people.UpsertPerson(tn.server(), request)
	require.NoError(t, err)
	require.Equal(t, made.GetPerson().GetId(), again.GetPerson().GetId(), "the same request")
	got := tn.get("m1")
	require.Equal(t, made.GetPerson().GetId(), got.GetId())
	require.Equal(t, given.GetAttributes().AsMap(), got.GetAttributes().AsMap())
	require.Equal(t, []any{"gold", true, "1990-02-28", "s9"}, []any{got.GetTier(), got.GetStaff(), got.GetBirthDate(), got.GetFavouriteStoreExternalId()})

	masked, err := people.UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"tier", "attributes.points", "attributes.nick"}},
		Person: &v1.Person{ExternalId: "m1", Etag: got.GetEtag(), Tier: "vip", Attributes: attributesOf(t, map[string]any{"points": 1})}})
	require.NoError(t, err)
	require.False(t, masked.GetCreated())
	require.Equal(t, "vip", masked.GetPerson().GetTier())
	require.True(t, masked.GetPerson().GetStaff())
	require.Equal(t, map[string]any{"points": 1.0, "vegan": true, "joined": "2020-01-31", "likes": []any{"latte", "cake"}}, masked.GetPerson().GetAttributes().AsMap())
	_, err = people.UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: &v1.Person{ExternalId: "m1", Etag: got.GetEtag()}})
	requireRefused(t, err, codes.Aborted, v1.ErrorReason_ETAG_MISMATCH)

	whole, err := people.UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: &v1.Person{Id: got.GetId(), Test: true}})
	require.NoError(t, err, "by id, everything replaced")
	require.Equal(t, "m1", whole.GetPerson().GetExternalId())
	require.Nil(t, tn.get("m1").GetAttributes())
	require.True(t, tn.get("m1").GetTest())
}

func TestBadPeopleAreRefusedWithTheirFields(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	for field, p := range map[string]*v1.Person{
		"person.external_id":       {ExternalId: ""},
		"person.attributes.colour": {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"colour": "red"})},
		"person.attributes.points": {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"points": "many"})},
		"person.attributes.vegan":  {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"vegan": 1})},
		"person.attributes.joined": {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"joined": "2020-02-30"})},
		"person.attributes.likes":  {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"likes": []any{1}})},
		"person.attributes.nick":   {ExternalId: "m", Attributes: attributesOf(t, map[string]any{"nick": map[string]any{"a": "b"}})},
		"person.time_zone":         {ExternalId: "m", TimeZone: "Asia/Seul"},
		"person.locale":            {ExternalId: "m", Locale: "korean!"},
		"person.birth_date":        {ExternalId: "m", BirthDate: "2027-01-01"},
		"person.tier":              {ExternalId: "m", Tier: "a\x00b"},
	} {
		_, err := tn.people().UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: p})
		require.Equal(t, []string{field}, fieldsOf(err), "%v", err)
	}
	_, err := tn.people().UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: &v1.Person{ExternalId: "m"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"purchases"}}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_UPDATE_MASK_INVALID)
	list, err := tn.people().ListPersons(tn.server(), &v1.ListPersonsRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetPersons(), "nothing of what was refused is there")
}

// A person whom the brand made is the one that a phone's login joins, and erasing them lasts.
func TestPersonLogsInAndIsErased(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	made := tn.person("m1")
	d := tn.device()
	devices := v1.NewDeviceServiceClient(f.conn)
	in, err := devices.IdentifyPerson(tn.phone(d.GetDeviceToken()), &v1.IdentifyPersonRequest{RequestId: uuid.NewString(), PersonJwt: unsignedJWT(t, "m1")})
	require.NoError(t, err)
	require.Equal(t, made.GetId(), in.GetPersonId())
	require.True(t, in.GetJoined())

	gone, err := tn.people().DeletePerson(tn.server(), &v1.DeletePersonRequest{RequestId: uuid.NewString(), Key: &v1.DeletePersonRequest_ExternalId{ExternalId: "m1"}})
	require.NoError(t, err)
	require.NotEmpty(t, gone.GetReceipt().GetId())
	_, err = tn.people().UpsertPerson(tn.server(), &v1.UpsertPersonRequest{RequestId: uuid.NewString(), Person: &v1.Person{ExternalId: "m1"}})
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_PERSON_ERASED)
	report := tn.importPeople("external_id,tier\nm1,gold\nm2,gold\n")
	require.Equal(t, []int32{1, 1}, []int32{report.GetCreated(), report.GetRefused()})
	require.Equal(t, v1.ErrorReason_PERSON_ERASED, report.GetRows()[0].GetReason())
	require.Equal(t, int32(2), report.GetRows()[0].GetLine())

	back := tn.device() // the person comes back by themselves
	again, err := devices.IdentifyPerson(tn.phone(back.GetDeviceToken()), &v1.IdentifyPersonRequest{RequestId: uuid.NewString(), PersonJwt: unsignedJWT(t, "m1")})
	require.NoError(t, err)
	require.NotEqual(t, made.GetId(), again.GetPersonId())
	require.Equal(t, int32(1), tn.importPeople("external_id,tier\nm1,gold\n").GetUpdated())
}

func unsignedJWT(t *testing.T, sub string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": sub, "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	return text
}

func TestListPersons(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	var lines strings.Builder
	lines.WriteString("external_id,points\n")
	for i := range 25 {
		fmt.Fprintf(&lines, "m%d,%d\n", i, i)
	}
	tn.importPeople(lines.String())
	f.tenant().person("other")
	seen := map[string]bool{}
	for token, pages := "", 0; ; pages++ {
		r, err := tn.people().ListPersons(tn.server(), &v1.ListPersonsRequest{PageSize: 7, PageToken: token})
		require.NoError(t, err)
		for _, p := range r.GetPersons() {
			require.False(t, seen[p.GetExternalId()])
			seen[p.GetExternalId()] = true
		}
		if token = r.GetNextPageToken(); token == "" {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Len(t, seen, 25)
}

func (tn *tenant) importPeople(content string) *v1.ImportReport {
	tn.f.t.Helper()
	r, err := tn.people().ImportPersons(tn.server(), &v1.ImportPersonsRequest{RequestId: uuid.NewString(), Content: []byte(content)})
	require.NoError(tn.f.t, err)
	return r.GetReport()
}

// A hostile file costs its faulty lines, each named, and no other; and the same file again changes nothing.
func TestImportPersons(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	file := "\ufeff회원번호,등급,points,attributes.vegan,likes,staff,birth_date\r\n" +
		"m1,골드,12.5,yes,latte|cake,,1990-01-31\r\n" + // 2
		"m2,silver,many,,,,\r\n" + // 3: no number
		",gold,1,,,,\r\n" + // 4: no id
		"\r\n" + // 5
		"m3,\"gold, \"\"best\"\"\",1,n,,true,\r\n" + // 6
		"m4,gold,1\r\n" + // 7: too few
		"m5,\"never closed,1,,,,\r\n" + // 8: a quote
		"m6,silver,1e400,,,,\r\n" + // 9: no number a machine has
		"m7,silver,1,,,,2199-01-01\r\n" + // 10: not born yet
		strings.Repeat("x", 129) + ",silver,1,,,,\r\n" + // 11
		"m8,silver,1,perhaps,,,\r\n" + // 12
		"m\xff9,silver,1,,,,\r\n" + // 13: no text
		"m1,,13,,,,\r\n" // 14: a later line about the same person
	dry, err := tn.people().ImportPersons(tn.server(), &v1.ImportPersonsRequest{RequestId: uuid.NewString(), Content: []byte(file), ValidateOnly: true, Encoding: v1.ImportStoresRequest_UTF_8})
	require.NoError(t, err)
	require.Equal(t, int32(2), dry.GetReport().GetCreated())
	empty, err := tn.people().ListPersons(tn.server(), &v1.ListPersonsRequest{})
	require.NoError(t, err)
	require.Empty(t, empty.GetPersons())

	r := tn.importPeople(file)
	refused := map[int32]string{}
	for _, row := range r.GetRows() {
		require.Equal(t, v1.ImportReport_REFUSED, row.GetAction())
		refused[row.GetLine()] = row.GetField()
	}
	require.Equal(t, map[int32]string{3: "attributes.points", 4: "external_id", 7: "row", 8: "row", 9: "attributes.points", 10: "birth_date",
		11: "external_id", 12: "attributes.vegan", 13: "row"}, refused)
	require.Equal(t, []int32{2, 1, 0, 9}, []int32{r.GetCreated(), r.GetUpdated(), r.GetUnchanged(), r.GetRefused()})
	one, three := tn.get("m1"), tn.get("m3")
	require.Equal(t, "골드", one.GetTier(), "an empty cell leaves what is there")
	require.Equal(t, map[string]any{"points": 13.0, "vegan": true, "likes": []any{"latte", "cake"}}, one.GetAttributes().AsMap())
	require.Equal(t, `gold, "best"`, three.GetTier())
	require.True(t, three.GetStaff())

	again := tn.importPeople("external_id,points\nm1,13\nm3,-\n")
	require.Equal(t, []int32{0, 1, 1, 0}, []int32{again.GetCreated(), again.GetUpdated(), again.GetUnchanged(), again.GetRefused()})
	require.NotContains(t, tn.get("m3").GetAttributes().AsMap(), "points")

	k, err := korean.EUCKR.NewEncoder().String("회원번호,등급\nm1,단골손님\n")
	require.NoError(t, err)
	require.Equal(t, "cp949", tn.importPeople(k).GetEncoding())
	require.Equal(t, "단골손님", tn.get("m1").GetTier())
	part, err := tn.people().ImportPersons(tn.server(), &v1.ImportPersonsRequest{RequestId: uuid.NewString(), Content: []byte("external_id,points\nm1,x\n"), FirstLine: 5001})
	require.NoError(t, err)
	require.Equal(t, int32(5001), part.GetReport().GetRows()[0].GetLine())

	for _, bad := range []string{"external_id,colour\nm1,red\n", "tier\ngold\n", "external_id,tier,등급\nm1,a,b\n", "\xff\xfee\x00", "\n\n\n", "\"external_id\nm1\n"} {
		_, err := tn.people().ImportPersons(tn.server(), &v1.ImportPersonsRequest{RequestId: uuid.NewString(), Content: []byte(bad)})
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_FILE_UNREADABLE)
	}
}

func TestImportPurchases(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	tn.store("s1")
	tn.person("m1")
	run := func(content string) *v1.ImportReport {
		t.Helper()
		r, err := tn.people().ImportPurchases(tn.server(), &v1.ImportPurchasesRequest{RequestId: uuid.NewString(), Content: []byte(content)})
		require.NoError(t, err)
		return r.GetReport()
	}
	const file = "person_external_id,purchase_id,time,amount,currency,store_external_id\n" +
		"m1,r1,2026-11-20T10:00:00Z,4500,KRW,s1\n" +
		"m1,r2,2026-11-21 10:00,\"12,000\",krw,\n" +
		"m1,r1,2026-11-20T10:00:00Z,4500,KRW,s1\n" + // again in the file
		"m1,r3,2026-11-21,-3.5,USD,\n" +
		"m9,r4,2026-11-21,1,KRW,\n" + // 6: nobody
		"m1,r5,2027-11-21,1,KRW,\n" + // 7: in the future
		"m1,r6,yesterday,1,KRW,\n" + // 8
		"m1,r7,2026-11-21,NaN,KRW,\n" + // 9
		"m1,r8,2026-11-21,1,won,\n" + // 10: three letters, but what currency it is is not ours to know
		"m1,,2026-11-21,1,KRW,\n" + // 11
		"m1,r9,2026-11-21,1,KRW,s9\n" // 12: no store
	r := run(file)
	refused := map[int32]string{}
	for _, row := range r.GetRows() {
		refused[row.GetLine()] = row.GetField()
	}
	require.Equal(t, map[int32]string{6: "external_id", 7: "time", 8: "time", 9: "amount", 11: "purchase_id", 12: "store_external_id"}, refused)
	require.Equal(t, []int32{0, 4, 1, 6}, []int32{r.GetCreated(), r.GetUpdated(), r.GetUnchanged(), r.GetRefused()})
	kept := tn.get("m1").GetPurchases()
	require.Equal(t, int32(4), kept.GetCount())
	require.Equal(t, map[string]float64{"KRW": 16500, "USD": -3.5, "WON": 1}, kept.GetAmounts())
	require.Equal(t, time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), kept.GetFirstTime().AsTime())
	require.Equal(t, time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC), kept.GetLastTime().AsTime(), "a time without a zone is the brand's")

	again := run(file)
	require.Equal(t, []int32{0, 0, 5, 6}, []int32{again.GetCreated(), again.GetUpdated(), again.GetUnchanged(), again.GetRefused()})
	require.Equal(t, int32(4), tn.get("m1").GetPurchases().GetCount())
}

func TestOwnLimits(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	shop := tn.store("s1")
	d, other := tn.device(), tn.device()
	people := tn.people()
	want := &v1.PersonLimits{PerDay: 2, PerWeek: 5, MutedTopics: []string{"cake"}, MutedStoreIds: []string{shop.GetId()}, QuietStart: "21:30", QuietEnd: "09:00"}
	// A phone's own person is who its token says, whomever the request names.
	_, err := people.UpdateLimits(tn.phone(d.GetDeviceToken()), &v1.UpdateLimitsRequest{RequestId: uuid.NewString(), Limits: want,
		Person: &v1.UpdateLimitsRequest_PersonId{PersonId: other.GetPersonId()}})
	require.NoError(t, err)
	mine, err := people.GetLimits(tn.phone(d.GetDeviceToken()), &v1.GetLimitsRequest{})
	require.NoError(t, err)
	require.Equal(t, want.String(), mine.GetLimits().String())
	require.Equal(t, []string{"coffee", "cake"}, mine.GetTopics())
	theirs, err := people.GetLimits(tn.phone(other.GetDeviceToken()), &v1.GetLimitsRequest{Person: &v1.GetLimitsRequest_PersonId{PersonId: d.GetPersonId()}})
	require.NoError(t, err)
	require.Zero(t, theirs.GetLimits().GetPerDay())

	less, err := people.UpdateLimits(tn.server(), &v1.UpdateLimitsRequest{RequestId: uuid.NewString(), Limits: &v1.PersonLimits{PerDay: 1},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"per_day", "quiet_start", "quiet_end"}}, Person: &v1.UpdateLimitsRequest_PersonId{PersonId: d.GetPersonId()}})
	require.NoError(t, err)
	require.Equal(t, int32(1), less.GetLimits().GetPerDay())
	require.Equal(t, []string{"cake"}, less.GetLimits().GetMutedTopics())
	require.Empty(t, less.GetLimits().GetQuietStart())
	for field, bad := range map[string]*v1.PersonLimits{
		"limits.muted_topics":    {MutedTopics: []string{"tea"}},
		"limits.muted_store_ids": {MutedStoreIds: []string{uuid.NewString()}},
		"limits.per_day":         {PerDay: -1},
		"limits.quiet_start":     {QuietStart: "21:00"},
		"limits.quiet_end":       {QuietStart: "21:00", QuietEnd: "24:00"},
	} {
		_, err := people.UpdateLimits(tn.phone(d.GetDeviceToken()), &v1.UpdateLimitsRequest{RequestId: uuid.NewString(), Limits: bad})
		require.Equal(t, []string{field}, fieldsOf(err), "%v", err)
	}
	_, err = people.GetLimits(tn.server(), &v1.GetLimitsRequest{})
	require.Equal(t, []string{"person"}, fieldsOf(err), "a server names the person")
	_, err = people.GetLimits(tn.server(), &v1.GetLimitsRequest{Person: &v1.GetLimitsRequest_PersonId{PersonId: uuid.NewString()}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND)
}
