namespace GlanceGateway.Plugins.Swift;

/// <summary>The accounts of a cluster as URLs: a root, what account names begin with, and the id of a project.</summary>
/// <param name="Root">Scheme, host and path up to the account, with the last slash.</param>
/// <param name="Prefix">The cluster's <c>reseller_prefix</c>: AUTH_ on most.</param>
internal sealed record AccountUrls(string Root, string Prefix)
{
    /// <summary>Learns both from the URL of an account whose project is known; null when it does not end with that project's id.</summary>
    public static AccountUrls? Learn(string storageUrl, string? project)
    {
        var url = storageUrl.TrimEnd('/');
        var account = url.LastIndexOf('/') + 1;
        var host = url.IndexOf("://", StringComparison.Ordinal) + 3;
        return IsProject(project) && host > 2 && account > host && url[account..].EndsWith(project!, StringComparison.Ordinal)
            ? new AccountUrls(url[..account], url[account..^project!.Length])
            : null;
    }

    /// <summary>Whether a project's id can be the name of an account: Keystone's are 32 hexadecimal digits, those of other identities are not.</summary>
    public static bool IsProject(string? project) =>
        project is { Length: > 0 and <= 64 } && project[0] != '.' && project.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    /// <summary>The URL of a project's account.</summary>
    public string UrlOf(string project) => $"{Root}{Prefix}{project}";
}
