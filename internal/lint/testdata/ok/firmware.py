import os
# Paths and addresses are no topics.
LOG = "/var/log/status/app.log"
URL = "https://example.com/api/v1/status"
client.will_set(f"acme/{site}/{device}/status", "offline", qos=1, retain=True)
client.publish("acme/%s/%s/telemetry/temp" % (site, device), payload)
client.subscribe(f"acme/{site}/{device}/cmd")
