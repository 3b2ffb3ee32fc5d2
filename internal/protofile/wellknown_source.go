package protofile

// wellKnownSource is a file that every compiler of Protocol Buffers knows, empty for other names.
func wellKnownSource(name string) string {
	const head = `syntax = "proto3"; package google.protobuf; `
	switch name {
	case "google/protobuf/any.proto":
		return head + `message Any { string type_url = 1; bytes value = 2; }`
	case "google/protobuf/duration.proto":
		return head + `message Duration { int64 seconds = 1; int32 nanos = 2; }`
	case "google/protobuf/empty.proto":
		return head + `message Empty {}`
	case "google/protobuf/field_mask.proto":
		return head + `message FieldMask { repeated string paths = 1; }`
	case "google/protobuf/struct.proto":
		return head + `
message Struct { map<string, Value> fields = 1; }
message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4;
  Struct struct_value = 5; ListValue list_value = 6; } }
enum NullValue { NULL_VALUE = 0; }
message ListValue { repeated Value values = 1; }`
	case "google/protobuf/timestamp.proto":
		return head + `message Timestamp { int64 seconds = 1; int32 nanos = 2; }`
	case "google/protobuf/wrappers.proto":
		return head + `
message DoubleValue { double value = 1; }
message FloatValue { float value = 1; }
message Int64Value { int64 value = 1; }
message UInt64Value { uint64 value = 1; }
message Int32Value { int32 value = 1; }
message UInt32Value { uint32 value = 1; }
message BoolValue { bool value = 1; }
message StringValue { string value = 1; }
message BytesValue { bytes value = 1; }`
	case "google/protobuf/descriptor.proto": // imported for options, which payloads do not show
		return head
	default:
		return ""
	}
}
