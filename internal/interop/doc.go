// Package interop holds no code but tests: they run the built mqx against Debian's Mosquitto and its clients, in both
// directions and at every protocol level, because a client and a broker of the same hand agree with each other even
// where both are wrong.
//
// Without Mosquitto the tests skip and say so; with MQX_REQUIRE_MOSQUITTO set, as in .ci/run, its absence is a failure.
// MQX_INTEROP_MESSAGES sets how many messages the streams carry. The tests need a Unix for its signals.
package interop
