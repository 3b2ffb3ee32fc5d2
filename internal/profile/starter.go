package profile

import "strings"

// Starter is a profile to begin with: devices of the guide below a root, with comments.
func Starter(root string) string { return strings.Replace(starter, "ROOT", root, 1) }

const starter = `# A fleet of simulated devices. Check it:   mqx simulate check FILE
# A data set without a broker:              mqx simulate fleet FILE -o jsonl
version: mqx/sim/v1
name: cold-rooms               # part of what decides every value: keep it
seed: 42                       # the same seed gives the same fleet, values and faults
duration: 30m                  # of simulated time; without it the run goes on until Ctrl-C
clock:
  speed: 1x                    # 60x: an hour in a minute
  start: now                   # or 2026-01-05T06:00:00Z for timestamps that repeat

target:
  broker: mqtt://localhost:1883
  allow_hosts: [localhost, 127.0.0.1]   # a run connects to no other host
  keepalive: 30s

topics:
  root: ROOT

fleet:                         # which devices there are
  - use: cold-room             # a type below
    site: lyon
    count: 10
    id: "cr-{n:03}"            # cr-001, cr-002 ...
    ramp: 30s                  # they start evenly within this time

devices:
  cold-room:
    status: { online: online, offline: offline, will_delay: 10s }

    telemetry:
      temp:
        every: 10s
        jitter: 500ms
        schema: temp.v1
        unit: Cel
        value:                 # drifts to the setpoint, with the time of day and a noisy sensor
          follow: { to: "{desired.setpoint_c}", lag: 8m, start: 12 }
          season: { period: 24h, amplitude: 0.8, peak: 15h }
          noise: { gauss: 0.15 }
          clamp: [-30, 40]
          round: 2
      humidity:
        every: 30s
        schema: humidity.v1
        unit: "%"
        value: { walk: { start: 62, step: 1.5, min: 40, max: 95 }, round: 1 }
      door:
        on_change: true        # is sent when it changes
        schema: door.v1
        value:
          states:
            closed: { stay: 4m..20m, next: open }
            open: { stay: 5s..90s, next: { closed: 98, stuck: 2 } }
            stuck: { stay: 10m, next: closed }
      energy:
        every: 1m
        schema: energy.v1
        unit: kWh
        value: { counter: { start: 1200, per_hour: 2.4 }, round: 3 }

    desired:                   # the settings that it obeys
      accepts:
        setpoint_c: { type: number, min: -25, max: 8, default: -18 }
        interval_s: { type: integer, min: 5, max: 3600, default: 10 }
      apply_after: 1s..4s

    commands:
      defrost: { takes: 20s..60s, succeed: 95% }
      reboot: { takes: 15s, then: reboot }

faults:                        # what goes wrong, when, and to whom
  - name: router restart
    at: 10m
    for: 90s
    to: { percent: 30 }        # which ones, the seed decides
    do: offline
    backfill: { buffer: 200, rate: 10/s }   # what was measured meanwhile comes later, with its own timestamps
  - name: half-flashed unit
    from: 20m
    to: { pick: 1 }
    do: malformed
    chance: 20%                # of its messages
    mix: { truncated_json: 2, number_as_string: 1, missing_ts: 1 }

limits: { max_devices: 500, max_rate: 500/s }
`
