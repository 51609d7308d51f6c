"""What the cluster tests share: the cluster of KUBECONFIG, a release by helm, HTTP by port-forwards."""
