V1Volume(name="s", host_path=V1HostPathVolumeSource(path="/var/run"))
