namespace GlanceGateway.Api;

/// <summary>Titles and stock sentences of statuses, as OpenStack clients know them.</summary>
internal static class ErrorText
{
    /// <summary>The title: the reason phrase in title case.</summary>
    public static string Title(int status) => status switch
    {
        300 => "Multiple Choices",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Request Range Not Satisfiable",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => status < 500 ? "Bad Request" : "Internal Server Error",
    };

    /// <summary>What an error says that has nothing particular to say.</summary>
    public static string Default(int status) => status switch
    {
        401 => "This server could not verify that you are authorized to access the document you requested. Either you supplied the wrong "
            + "credentials (e.g., bad password), or your browser does not understand how to supply the credentials required.",
        404 => "The resource could not be found.",
        408 => "The request body did not arrive in time.",
        413 => "The request body is too large.",
        416 => "The Range requested is not available.",
        431 => "A header of the request is too long.",
        500 => "The server has either erred or is incapable of performing the requested operation.",
        501 => "The request method is not implemented.",
        503 => "The service is not available for now.",
        504 => "The answer took too long.",
        _ => "The request could not be understood.",
    };
}
