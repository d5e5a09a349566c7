using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// The places of a store with <c>multi_tenant</c>: an image lies in the account of its project, in a container of its own,
/// <c>container_image id</c>, under the image id. Its location is <c>swift+https://host/v1/AUTH_project/container_image id/image id</c>, as
/// upstream's. A location says only which project and image; requests go to the storage URL of our own log-in, whatever host it names.
/// </summary>
/// <param name="settings">The store's.</param>
/// <param name="connection">To the service's own account, where the store's container holds the markers.</param>
/// <param name="ownProject">The service's project, which has the images of no project.</param>
/// <param name="endpoints">The cluster's endpoints, ours first: a location names one of them.</param>
internal sealed class SwiftTenants(SwiftSettings settings, SwiftConnection connection, string ownProject, IReadOnlyList<AccountUrls> endpoints)
{
    /// <summary>Said when another account is closed to us.</summary>
    public const string RoleNeeded =
        "multi_tenant needs the role that may use every account: the cluster's reseller_admin_role (ResellerAdmin), granted to the user in its own project; with tempauth the group .reseller_admin";

    /// <summary>Finds the cluster's endpoints in a log-in.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the storage URL does not end with the account.</exception>
    public static SwiftTenants Of(SwiftSettings settings, SwiftConnection connection, SwiftLogin login)
    {
        var own = AccountUrls.Learn(login.StorageUrl.AbsoluteUri, login.Project) ?? throw new StoreException(
            StoreError.Misconfigured, "multi_tenant needs a storage URL that ends with the account of username's project, as /v1/AUTH_<project id>; look at storage_url and the catalogue.");
        var others = login.Endpoints.Select(url => AccountUrls.Learn(url, login.Project)).OfType<AccountUrls>();
        return new SwiftTenants(settings, connection, login.Project!, [own, .. others]);
    }

    /// <summary>Where an image of a project is, or will be.</summary>
    /// <exception cref="StoreException">The project cannot have an account.</exception>
    public ImagePlace PlaceOf(string? project, string imageId)
    {
        project ??= ownProject;
        if (!AccountUrls.IsProject(project))
            throw new StoreException(StoreError.Misconfigured, "The project of the image cannot be the name of a Swift account; multi_tenant is for projects of Keystone.", imageId);
        var container = $"{settings.Container}_{imageId}";
        return new ImagePlace(connection.For(project), container, imageId, $"swift+{endpoints[0].UrlOf(project)}/{container}/{imageId}", project);
    }

    /// <summary>The place that a location names; null when it is not one of these.</summary>
    public ImagePlace? Find(string location)
    {
        foreach (var (root, prefix) in endpoints)
        {
            if (AccountIn(location, root)?.Split('/') is [var account, var container, var name]
                && account.StartsWith(prefix, StringComparison.Ordinal)
                && AccountUrls.IsProject(account[prefix.Length..])
                && Guid.TryParseExact(name, "D", out _)
                && container == $"{settings.Container}_{name}")
                return PlaceOf(account[prefix.Length..], name);
        }

        return null;
    }

    // Upstream writes swift+http and swift+https; swift alone is https there.
    private static string? AccountIn(string location, string root) =>
        location.StartsWith($"swift+{root}", StringComparison.Ordinal) ? location[("swift+".Length + root.Length)..]
        : root.StartsWith("https", StringComparison.Ordinal) && location.StartsWith($"swift{root[5..]}", StringComparison.Ordinal) ? location[root.Length..]
        : null;
}
