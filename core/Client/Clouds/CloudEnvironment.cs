namespace GlanceGateway.Client;

/// <summary>Settings from the environment variables <c>OS_*</c>, as the OpenStack clients read them.</summary>
public static class CloudEnvironment
{
    private static readonly (string Variable, string Key)[] s_names =
    [
        ("OS_AUTH_TYPE", "auth_type"), ("OS_AUTH_URL", "auth_url"), ("OS_USERNAME", "username"), ("OS_USER_ID", "user_id"), ("OS_PASSWORD", "password"),
        ("OS_TENANT_NAME", "project_name"), ("OS_PROJECT_NAME", "project_name"), ("OS_TENANT_ID", "project_id"), ("OS_PROJECT_ID", "project_id"),
        ("OS_USER_DOMAIN_NAME", "user_domain_name"), ("OS_USER_DOMAIN_ID", "user_domain_id"), ("OS_PROJECT_DOMAIN_NAME", "project_domain_name"),
        ("OS_PROJECT_DOMAIN_ID", "project_domain_id"), ("OS_DEFAULT_DOMAIN", "default_domain"), ("OS_DEFAULT_DOMAIN_ID", "default_domain_id"),
        ("OS_DEFAULT_DOMAIN_NAME", "default_domain_name"), ("OS_APPLICATION_CREDENTIAL_ID", "application_credential_id"),
        ("OS_APPLICATION_CREDENTIAL_NAME", "application_credential_name"), ("OS_APPLICATION_CREDENTIAL_SECRET", "application_credential_secret"),
        ("OS_AUTH_TOKEN", "token"), ("OS_TOKEN", "token"), ("OS_ENDPOINT", "endpoint"), ("OS_IMAGE_ENDPOINT_OVERRIDE", "image_endpoint_override"),
        ("OS_REGION_NAME", "region_name"), ("OS_ENDPOINT_TYPE", "endpoint_type"), ("OS_INTERFACE", "interface"), ("OS_CACERT", "cacert"), ("OS_INSECURE", "insecure"),
    ];

    /// <summary>Reads them.</summary>
    /// <param name="get">Gives a variable's value, or null.</param>
    public static CloudSettings Read(Func<string, string?> get) =>
        new("environment (OS_*)", s_names.Select(name => KeyValuePair.Create(name.Key, get(name.Variable) ?? "")));
}
