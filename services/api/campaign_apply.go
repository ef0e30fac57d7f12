package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// Applying is a campaign file about to be applied to a brand, by whoever Actor names.
type Applying struct {
	Engine *engine.Engine
	Brand  *brand.Brand
	Actor  string
	Dry    bool // only tell what would change
	Prune  bool // end campaigns that the file does not have
	// MaySettings: the file may change the brand's settings, too.
	MaySettings bool
}

// applied is what a file makes of one campaign.
type applied struct {
	before *campaign.Campaign // nil: there is none yet
	after  campaign.Campaign
	change *v1.AppliedChange
}

// Export writes a brand's campaigns, and its settings, as a campaign file.
func Export(e *engine.Engine, b *brand.Brand, withSettings bool) ([]byte, error) {
	f := &filing{engine: e, brand: b}
	file := &v1.CampaignFile{}
	if withSettings {
		file.Brand = f.settings(b)
	}
	for _, c := range e.Campaigns(b.ID) {
		if c.State != campaign.Archived {
			file.Campaigns = append(file.Campaigns, f.campaign(c))
		}
	}
	slices.SortFunc(file.Campaigns, func(a, b *v1.Campaign) int { return strings.Compare(a.GetExternalId(), b.GetExternalId()) })
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(file)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(text)
}

// filing writes rows as a file has them: without what the server sets, and by own ids.
type filing struct {
	engine *engine.Engine
	brand  *brand.Brand
}

func (f *filing) settings(b *brand.Brand) *v1.BrandSettings {
	out := (&Server{engine: f.engine}).settingsTo(b)
	out.Identify = identifyKept(out.Identify)
	return out
}

// identifyKept is without what the server sets.
func identifyKept(s *v1.IdentifySettings) *v1.IdentifySettings {
	if s != nil {
		s.UnsignedAllowed = false
	}
	return s
}

func (f *filing) campaign(c *campaign.Campaign) *v1.Campaign {
	out := campaignTo(c, (&Server{engine: f.engine}).segmentName(f.brand.ID))
	out.Id, out.Etag, out.Version, out.CreateTime, out.UpdateTime = "", "", 0, nil, nil
	t := out.GetTrigger()
	t.StoreIds, t.StoreExternalIds = byOwnIDs(t.GetStoreIds(), func(id uuid.UUID) string {
		found, err := f.engine.Store(f.brand.ID, id)
		if err != nil {
			return ""
		}
		return found.ExternalID
	})
	t.FenceIds, t.FenceExternalIds = byOwnIDs(t.GetFenceIds(), func(id uuid.UUID) string {
		found, err := f.engine.Fence(f.brand.ID, id)
		if err != nil {
			return ""
		}
		return found.ExternalID
	})
	return out
}

// byOwnIDs parts ids into those without an own id and the own ids of the others.
func byOwnIDs(ids []string, name func(uuid.UUID) string) (without, names []string) {
	for _, id := range ids {
		if own := name(parseID(id)); own != "" {
			names = append(names, own)
		} else {
			without = append(without, id)
		}
	}
	return without, names
}

// Apply makes campaigns and settings what a file says, in one write, and tells what it changed, the settings first. Its faults
// are those of the file, as of ParseCampaignFile.
func (a Applying) Apply(ctx context.Context, text []byte) ([]*v1.AppliedChange, error) {
	in := SettingOf(a.Engine, a.Brand, a.Engine.Now(), func() uuid.UUID { return engine.NewID(a.Engine.Now()) })
	in.Existing = byName(a.Brand.ID, a.Engine.CampaignByExternalID)
	file, err := ParseCampaignFile(text, in)
	if err != nil {
		return nil, err
	}
	w := engine.CatalogueWrite{BrandID: a.Brand.ID, Actor: a.Actor, Action: "apply", Expect: map[uuid.UUID]int64{}}
	settings, err := a.settings(file, &w)
	if err != nil {
		return nil, err
	}
	list, err := a.compare(file)
	if err != nil {
		return nil, err
	}
	changes := settings
	for i := range list {
		changes = append(changes, list[i].change)
		w.Campaigns = append(w.Campaigns, list[i].after)
		if list[i].before != nil {
			w.Expect[list[i].after.ID] = list[i].before.Version
		}
	}
	if a.Dry || len(changes) == 0 {
		return changes, nil
	}
	_, err = a.Engine.Write(ctx, w)
	return changes, err
}

// settings compares the file's settings with the brand's.
func (a Applying) settings(file *CampaignFile, w *engine.CatalogueWrite) ([]*v1.AppliedChange, error) {
	if file.Brand == nil {
		return nil, nil
	}
	f := &filing{engine: a.Engine, brand: a.Brand}
	fields := fieldsChanged(f.settings(a.Brand), f.settings(file.Brand))
	switch {
	case len(fields) == 0:
		return nil, nil
	case !a.MaySettings:
		return nil, brand.Violations{{Field: "brand", Reason: v1.ErrorReason_SCOPE_MISSING.String() + ": the key may not write the brand's settings"}}
	}
	w.Brand, w.Expect[a.Brand.ID] = file.Brand, a.Brand.Version
	return []*v1.AppliedChange{{Kind: v1.AppliedChange_UPDATED, Fields: fields}}, nil
}

// compare tells what becomes of each campaign that changes.
func (a Applying) compare(file *CampaignFile) (list []applied, err error) {
	var vs brand.Violations
	kept := map[uuid.UUID]bool{}
	for i := range file.Campaigns {
		after := &file.Campaigns[i]
		field := fmt.Sprintf("campaigns[%d]", i)
		if after.ExternalID == "" {
			vs.Add(field+".external_id", "INVALID_FIELD: a campaign that is applied is found by its own id")
			continue
		}
		kept[after.ID] = true
		before, err := a.Engine.Campaign(a.Brand.ID, after.ID)
		if err != nil {
			before = nil
		}
		if one := a.one(before, *after, v1.AppliedChange_UPDATED); one != nil {
			a.check(&vs, field, one)
			list = append(list, *one)
		}
	}
	if a.Prune {
		list = append(list, a.pruned(kept)...)
	}
	return list, vs.Err()
}

// one is what becomes of a campaign; nil: nothing.
func (a Applying) one(before *campaign.Campaign, after campaign.Campaign, kind v1.AppliedChange_Kind) *applied {
	f := &filing{engine: a.Engine, brand: a.Brand}
	was := &v1.Campaign{}
	if before == nil {
		kind = v1.AppliedChange_CREATED
	} else {
		was = f.campaign(before)
	}
	fields := fieldsChanged(was, f.campaign(&after))
	if len(fields) == 0 {
		return nil
	}
	if len(fields) > 1 || fields[0].GetField() != "state" {
		after.Revision++
		after.WrittenBy = a.Actor
	}
	after.UpdatedAt = a.Engine.Now()
	return &applied{before, after, &v1.AppliedChange{Kind: kind, ExternalId: cmp.Or(after.ExternalID, after.ID.String()), Fields: fields}}
}

// pruned are the campaigns that a file does not have, ended.
func (a Applying) pruned(kept map[uuid.UUID]bool) (list []applied) {
	for _, c := range a.Engine.Campaigns(a.Brand.ID) {
		if kept[c.ID] || c.State == campaign.Ended || c.State == campaign.Archived {
			continue
		}
		after := *c
		after.State = campaign.Ended
		if one := a.one(c, after, v1.AppliedChange_PRUNED); one != nil {
			list = append(list, *one)
		}
	}
	return list
}

// check refuses what the calls that are named for it would refuse.
func (a Applying) check(vs *brand.Violations, field string, one *applied) {
	b, after := one.before, &one.after
	live := after.State == campaign.Live || after.State == campaign.Ready
	switch {
	case a.Brand.Settings.Review && live:
		vs.Add(field, "%s: somebody else must approve what goes or is live: give it the state DRAFT or IN_REVIEW", v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
		return
	case b == nil:
		return
	case b.State == campaign.Archived || b.State == campaign.Ended && after.State != campaign.Archived:
		vs.Add(field, "%s: not possible in the state %s", v1.ErrorReason_CAMPAIGN_STATE, keyOf(campaignStates, b.State))
		return
	}
	zones := b.Zones(a.Brand.Settings.TimeZone, byID(a.Brand.ID, a.Engine.Store))
	if !b.Begun(a.Engine.Now(), zones...) {
		return
	}
	if after.State == campaign.Draft || after.State == campaign.InReview {
		vs.Add(field+".state", "%s: a campaign that has begun is no draft again", v1.ErrorReason_CAMPAIGN_STATE)
	}
	for _, name := range campaign.FixedChanges(b, after) {
		vs.Add(field+strings.TrimPrefix(campaignField(name), "campaign"), "%s: a campaign that has begun keeps it", v1.ErrorReason_CAMPAIGN_FIELD_FIXED)
	}
}

// difference are the fields in which two campaigns differ, as a file has them.
func (s *Server) difference(b *brand.Brand, before, after *campaign.Campaign) []*v1.AppliedChange_Field {
	f := &filing{engine: s.engine, brand: b}
	return fieldsChanged(f.campaign(before), f.campaign(after))
}

// fieldsChanged compares messages field by field in their JSON, in the order of the fields' names.
func fieldsChanged(before, after proto.Message) (fields []*v1.AppliedChange_Field) {
	was, is := flatJSON(before), flatJSON(after)
	names := slices.Sorted(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if was[name] != is[name] {
			fields = append(fields, &v1.AppliedChange_Field{Field: name, Before: was[name], After: is[name]})
		}
	}
	return fields
}

// flatJSON is a message's JSON with a value for each field of each object; lists are values.
func flatJSON(m proto.Message) map[string]string {
	flat := map[string]string{}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	var tree map[string]any
	if err != nil || json.Unmarshal(text, &tree) != nil {
		return flat
	}
	flatten(flat, "", tree)
	return flat
}

func flatten(flat map[string]string, place string, tree map[string]any) {
	for name, value := range tree {
		at := strings.TrimPrefix(place+"."+name, ".")
		if object, ok := value.(map[string]any); ok && len(object) > 0 {
			flatten(flat, at, object)
			continue
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // it is for people
		if e.Encode(value) == nil {
			flat[at] = strings.TrimSpace(b.String())
		}
	}
}

// ExportCampaigns writes a campaign file.
func (s *campaignService) ExportCampaigns(ctx context.Context, _ *v1.ExportCampaignsRequest) (*v1.ExportCampaignsResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	text, err := Export(s.engine, b, c.Key.Has(brand.ScopeBrandRead))
	return &v1.ExportCampaignsResponse{Content: text}, err
}

// ApplyCampaigns makes campaigns what a campaign file says.
func (s *campaignService) ApplyCampaigns(ctx context.Context, r *v1.ApplyCampaignsRequest) (*v1.ApplyCampaignsResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	changes, err := Applying{
		Engine: s.engine, Brand: b, Actor: c.by(), Dry: r.GetValidateOnly(), Prune: r.GetPrune(), MaySettings: c.Key.Has(brand.ScopeBrandWrite),
	}.Apply(ctx, r.GetContent())
	if err != nil {
		return nil, fileFaults(err)
	}
	return &v1.ApplyCampaignsResponse{Changes: changes}, nil
}

// fileFaults gives the faults of a file their reasons back, which stand before their texts.
func fileFaults(err error) error {
	var fs faults
	for _, f := range faultsOf(err, fieldNames{}) {
		if name, text, ok := strings.Cut(f.Text, ": "); ok {
			if reason, known := v1.ErrorReason_Code_value[name]; known {
				f.Reason, f.Text = v1.ErrorReason_Code(reason), text
			}
		}
		f.Field = orText(f.Field, "content")
		fs = append(fs, f)
	}
	if len(fs) == 0 {
		return err
	}
	return fs.err()
}
