package postgres

// placement is where the rows of a table stand on a distributed database.
type placement struct {
	table string
	by    string // the distribution column; "": a reference table, a copy on every node
	with  string // the table whose shards it shares; "": shards of its own
}

// The first table of each group of shards; the others say "with" it.
const (
	personShards = "person_profile"
	brandShards  = "device"
)

// distribution says so of every table, in the order in which they are distributed. The catalogue is small and read with
// everything: it is copied. What belongs to a person shares the person's shard. Directories stand by what their unique
// keys have in common, a brand's devices and addresses by the brand (whose uniqueness could not be checked across
// shards), a person's own id and a request's id by themselves. The person's row comes last: it is what tells a node how
// to write (see isDistributed), and by then the rest is in place.
var distribution = []placement{
	{table: "brand"}, {table: "brand_version"}, {table: "key"}, {table: "credential"}, {table: "store"}, {table: "fence"}, {table: "item"}, {table: "campaign"}, {table: "webhook"}, {table: "webhook_state"}, {table: "segment"},
	{brandShards, "brand_id", ""},
	{"push_address", "brand_id", brandShards},
	{"push_address_event", "brand_id", brandShards},
	{"stock_pool", "brand_id", brandShards},
	{"stock_block", "brand_id", brandShards},
	{"place_sum", "brand_id", brandShards},
	{"result_hour", "brand_id", brandShards},
	{"result_live", "brand_id", brandShards},
	{"result_sum", "brand_id", brandShards},
	{"audit", "brand_id", brandShards},
	{"provider_token", "brand_id", brandShards},
	{"erased_external", "brand_id", brandShards},
	{"credential_state", "brand_id", brandShards},
	{"sending", "brand_id", brandShards},
	{"person_external", "external_id", ""},
	{"request", "request_id", ""},
	{personShards, "person_id", ""},
	{"consent_event", "person_id", personShards},
	{"location_use", "person_id", personShards},
	{"place", "person_id", personShards},
	{"trace", "person_id", personShards},
	{"coupon", "person_id", personShards},
	{"delivery", "person_id", personShards},
	{"open_visit", "person_id", personShards},
	{"webhook_letter", "person_id", personShards},
	{"receipt", "person_id", personShards},
	{"purchase", "person_id", personShards},
	{"revocation", "person_id", personShards},
	{"tombstone", "person_id", personShards},
	{"person", "person_id", personShards},
}

// how is the placement in words.
func (p placement) how() string {
	if p.by == "" {
		return "on every node"
	}
	return "by " + p.by
}
