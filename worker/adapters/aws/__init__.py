"""How every AWS client is opened, and how the SDK's errors become ours."""
