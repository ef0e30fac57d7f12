package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

func (tn *tenant) segments() v1.SegmentServiceClient { return v1.NewSegmentServiceClient(tn.f.conn) }

func (tn *tenant) segment(externalID, rule string) *v1.Segment {
	tn.f.t.Helper()
	r, err := tn.segments().CreateSegment(tn.server(), &v1.CreateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{ExternalId: externalID, DisplayName: "Some", Rule: rule}})
	require.NoError(tn.f.t, err)
	return r.GetSegment()
}

func bySegment(externalID string) *v1.EstimateSegmentRequest {
	return &v1.EstimateSegmentRequest{Key: &v1.EstimateSegmentRequest_ExternalId{ExternalId: externalID}}
}

func TestSegmentLife(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	tn.store("s1")
	_, err := tn.segments().CreateSegment(tn.server(), &v1.CreateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{Rule: "person.points > 10 &&\n  person.colour == 'red'"}})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
	require.Equal(t, []string{"segment.rule"}, fieldsOf(err))
	require.Contains(t, err.Error(), "line 2, column 9")
	rich, list := tn.segment("rich", "person.points > 10.0"), tn.segment("list", "")
	_, err = tn.segments().CreateSegment(tn.server(), &v1.CreateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{ExternalId: "rich"}})
	requireRefused(t, err, codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN)
	_, err = tn.segments().UpdateSegment(tn.server(), &v1.UpdateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{Id: list.GetId(), Rule: "true"}})
	require.Equal(t, []string{"segment.rule"}, fieldsOf(err), "a list stays a list: %v", err)
	renamed, err := tn.segments().UpdateSegment(tn.server(), &v1.UpdateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{Id: rich.GetId(), DisplayName: "Rich", Etag: rich.GetEtag()},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}})
	require.NoError(t, err)
	require.Equal(t, []string{"Rich", "rich", "person.points > 10.0"}, []string{renamed.GetSegment().GetDisplayName(), renamed.GetSegment().GetExternalId(), renamed.GetSegment().GetRule()})
	_, err = tn.segments().UpdateSegment(tn.server(), &v1.UpdateSegmentRequest{RequestId: uuid.NewString(), Segment: &v1.Segment{Id: rich.GetId(), Rule: "true", Etag: rich.GetEtag()}})
	requireRefused(t, err, codes.Aborted, v1.ErrorReason_ETAG_MISMATCH)

	given := aCampaign("c1", "s1")
	given.ExcludedSegmentExternalIds = []string{"rich"}
	campaigns := v1.NewCampaignServiceClient(f.conn)
	draft, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: given})
	require.NoError(t, err)
	live, err := campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: draft.GetCampaign().GetId()}})
	require.NoError(t, err)
	remove := func() error {
		_, err := tn.segments().DeleteSegment(tn.server(), &v1.DeleteSegmentRequest{RequestId: uuid.NewString(), Key: &v1.DeleteSegmentRequest_ExternalId{ExternalId: "rich"}})
		return err
	}
	requireRefused(t, remove(), codes.FailedPrecondition, v1.ErrorReason_IN_USE)
	require.Contains(t, remove().Error(), "Morning")
	_, err = campaigns.EndCampaign(tn.server(), &v1.EndCampaignRequest{RequestId: uuid.NewString(), Key: &v1.EndCampaignRequest_Id{Id: live.GetCampaign().GetId()}})
	require.NoError(t, err)
	require.NoError(t, remove())
	requireRefused(t, remove(), codes.NotFound, v1.ErrorReason_SEGMENT_NOT_FOUND)
	left, err := tn.segments().ListSegments(tn.server(), &v1.ListSegmentsRequest{})
	require.NoError(t, err)
	require.Len(t, left.GetSegments(), 1)
}

func TestUploadSegmentMembers(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	var file strings.Builder
	file.WriteString("external_id\n")
	for i := range 10 {
		fmt.Fprintf(&file, "m%d\n", i)
	}
	tn.importPeople(file.String())
	tn.segment("vip", "")
	upload := func(action v1.UploadSegmentMembersRequest_Action, content string, change ...func(*v1.UploadSegmentMembersRequest)) *v1.UploadSegmentMembersResponse {
		t.Helper()
		r := &v1.UploadSegmentMembersRequest{RequestId: uuid.NewString(), Key: &v1.UploadSegmentMembersRequest_ExternalId{ExternalId: "vip"}, Action: action, Content: []byte(content)}
		for _, c := range change {
			c(r)
		}
		done, err := tn.segments().UploadSegmentMembers(tn.server(), r)
		require.NoError(t, err)
		return done
	}
	members := func() (names string) {
		list, err := tn.people().ListPersons(tn.server(), &v1.ListPersonsRequest{})
		require.NoError(t, err)
		for i := range 10 {
			for _, p := range list.GetPersons() {
				if p.GetExternalId() == fmt.Sprintf("m%d", i) && len(p.GetSegmentExternalIds()) > 0 {
					require.Equal(t, []string{"vip"}, p.GetSegmentExternalIds())
					names += fmt.Sprint(i)
				}
			}
		}
		return names
	}
	numbers := func(r *v1.UploadSegmentMembersResponse) []int32 {
		return []int32{r.GetGiven(), r.GetChanged(), r.GetUnchanged(), r.GetRefused()}
	}
	const add, remove, replace = v1.UploadSegmentMembersRequest_ADD, v1.UploadSegmentMembersRequest_REMOVE, v1.UploadSegmentMembersRequest_REPLACE
	first := upload(add, "m1\n\n m2 \r\nnobody\nm1\n"+strings.Repeat("y", 200))
	require.Equal(t, []int32{5, 2, 1, 2}, numbers(first))
	require.ElementsMatch(t, []int32{4, 6}, []int32{first.GetRefusals()[0].GetLine(), first.GetRefusals()[1].GetLine()})
	require.Equal(t, "12", members())
	require.Equal(t, []int32{2, 1, 1, 0}, numbers(upload(remove, "name,회원번호\n,m1\n,m3\n")))
	require.Equal(t, "2", members())

	// The old list counts until the last part of the new one is there, and a part may come twice.
	name := uuid.NewString()
	part := func(r *v1.UploadSegmentMembersRequest) { r.UploadId, r.MoreParts = name, true }
	upload(replace, "m4\nm5\n", part)
	require.Equal(t, "2", members())
	require.Equal(t, []int32{2, 0, 2, 0}, numbers(upload(replace, "m4\nm5\n", part)))
	upload(add, "m3\n")
	upload(replace, "m6\n", func(r *v1.UploadSegmentMembersRequest) { r.UploadId = name })
	require.Equal(t, "456", members())
	upload(replace, "")
	require.Empty(t, members())

	for _, bad := range []*v1.UploadSegmentMembersRequest{
		{Action: add}, {Action: add, Content: []byte("m1"), UploadId: name}, {Action: replace, Content: []byte("m1"), MoreParts: true},
	} {
		bad.RequestId, bad.Key = uuid.NewString(), &v1.UploadSegmentMembersRequest_ExternalId{ExternalId: "vip"}
		_, err := tn.segments().UploadSegmentMembers(tn.server(), bad)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
	}
}

func TestEstimateSegment(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(knowing)
	var file strings.Builder
	file.WriteString("external_id,points,tier\n")
	for i := range 30 {
		fmt.Fprintf(&file, "m%d,%d,%s\n", i, i, []string{"", "gold"}[i%2])
	}
	tn.importPeople(file.String())
	tn.segment("rich", "person.points >= 20.0")
	tn.segment("vip", "")
	_, err := tn.segments().UploadSegmentMembers(tn.server(), &v1.UploadSegmentMembersRequest{RequestId: uuid.NewString(), Key: &v1.UploadSegmentMembersRequest_ExternalId{ExternalId: "vip"},
		Action: v1.UploadSegmentMembersRequest_ADD, Content: []byte("m1\nm2\nm25\n")})
	require.NoError(t, err)
	count := func(r *v1.EstimateSegmentRequest) int64 {
		t.Helper()
		got, err := tn.segments().EstimateSegment(tn.server(), r)
		require.NoError(t, err)
		require.True(t, got.GetExact())
		require.Equal(t, int64(30), got.GetPeople())
		require.Zero(t, got.GetConsenting())
		return got.GetMatching()
	}
	rule := func(text string) *v1.EstimateSegmentRequest {
		return &v1.EstimateSegmentRequest{Key: &v1.EstimateSegmentRequest_Rule{Rule: text}}
	}
	require.Equal(t, int64(10), count(bySegment("rich")))
	require.Equal(t, int64(3), count(bySegment("vip")))
	require.Equal(t, int64(15), count(rule(`person.tier == "gold"`)), "what is not known is a no")
	require.Equal(t, int64(1), count(rule(`"vip" in person.segments && person.points > 10.0`)))
	tn.importPeople("external_id,points\nm1,100\n")
	require.Equal(t, int64(10), count(bySegment("rich")), "as of up to a minute ago")
	f.clock.Set(noon.Add(time.Minute).UnixMilli())
	require.Equal(t, int64(11), count(bySegment("rich")))
	_, err = tn.segments().EstimateSegment(tn.server(), rule("person.points +"))
	require.Equal(t, []string{"rule"}, fieldsOf(err))
}
