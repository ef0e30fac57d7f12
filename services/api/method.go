package api

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// contract are the files that declare services.
var contract = []protoreflect.FileDescriptor{
	v1.File_wantgo_v1_address_service_proto,
	v1.File_wantgo_v1_brand_service_proto, v1.File_wantgo_v1_campaign_service_proto, v1.File_wantgo_v1_credential_service_proto,
	v1.File_wantgo_v1_decision_service_proto, v1.File_wantgo_v1_device_service_proto, v1.File_wantgo_v1_fence_service_proto,
	v1.File_wantgo_v1_key_service_proto, v1.File_wantgo_v1_location_service_proto, v1.File_wantgo_v1_store_service_proto,
	v1.File_wantgo_v1_wallet_service_proto, v1.File_wantgo_v1_webhook_service_proto, v1.File_wantgo_v1_inbox_service_proto,
	v1.File_wantgo_v1_person_service_proto, v1.File_wantgo_v1_segment_service_proto, v1.File_wantgo_v1_item_service_proto,
	v1.File_wantgo_v1_moment_service_proto, v1.File_wantgo_v1_sending_service_proto,
	v1.File_wantgo_v1_results_service_proto,
}

// method is what the interceptors know of one RPC.
type method struct {
	name   string // "/wantgo.v1.StoreService/GetStore"
	access *v1.Access
	output protoreflect.MessageDescriptor
	// updates is the name of the field that a field mask of the request is about; empty without a mask.
	updates protoreflect.Name
	// remembered: a write that is done once by its request id.
	remembered bool
	// large: the request carries a file.
	large bool
	class class
	// pings: what its requests weigh is counted as pings of its caller.
	pings   bool
	metrics methodMetrics
}

func (m *method) admits(kind v1.Access_Caller) bool {
	return slices.Contains(m.access.GetCallers(), kind)
}

// forgotten are writes that need no memory of their request id: an import knows its pings by their ids, and a refreshed
// token may be made again.
var forgotten = []string{v1.LocationService_ImportPings_FullMethodName, v1.DeviceService_RefreshDeviceToken_FullMethodName}

var bringPings = []string{v1.LocationService_ReportPings_FullMethodName, v1.LocationService_StreamPings_FullMethodName,
	v1.LocationService_ImportPings_FullMethodName, v1.LocationService_SyncFences_FullMethodName}

// methods lists every RPC of the contract by full name. A method without an access option is an error: nobody could be
// told who may call it.
func methods() (map[string]*method, error) {
	all := map[string]*method{}
	for _, file := range contract {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				d := service.Methods().Get(j)
				m := newMethod(service, d)
				if m.access == nil || len(m.access.GetCallers()) == 0 {
					return nil, fmt.Errorf("method %s says nothing about who may call it", m.name)
				}
				all[m.name] = m
			}
		}
	}
	return all, nil
}

func newMethod(service protoreflect.ServiceDescriptor, d protoreflect.MethodDescriptor) *method {
	m := &method{name: fmt.Sprintf("/%s/%s", service.FullName(), d.Name()), access: v1.MethodAccess(d), output: d.Output()}
	fields := d.Input().Fields()
	m.remembered = fields.ByName("request_id") != nil && !slices.Contains(forgotten, m.name)
	if fields.ByName("update_mask") != nil {
		m.updates = fields.Get(1).Name() // after request_id
	}
	m.large = fields.ByName("content") != nil || m.name == v1.LocationService_ImportPings_FullMethodName ||
		fields.ByName("campaign") != nil || fields.ByName("fence") != nil ||
		m.name == v1.MomentService_RecordEvents_FullMethodName
	m.pings = slices.Contains(bringPings, m.name)
	m.class = class{without: m.classOf(false), with: m.classOf(true)}
	return m
}

// requestID of a request; empty where it has none.
func requestID(m proto.Message) string {
	if r, ok := m.(interface{ GetRequestId() string }); ok {
		return r.GetRequestId()
	}
	return ""
}
